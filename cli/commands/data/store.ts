import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { formatInspect } from '../../output/format.js';
import type { StorePlace } from '../../backup/place.js';

const configOption = [
  '--config <file>',
  "act on the store of this machine's own manager, which must not run; the file holds its settings",
] as const;
const machineOption = [
  '--machine <name>',
  'the machine of the manager; the first of the cluster unless told',
] as const;

export function storeCommand(cli: Cli): Command {
  return new Command('store')
    .description("Back up, restore and move the cluster's store")
    .addCommand(backupCommand(cli))
    .addCommand(exportCommand(cli))
    .addCommand(verifyCommand(cli))
    .addCommand(importCommand(cli))
    .addCommand(migrateCommand(cli));
}

function backupCommand(cli: Cli): Command {
  return new Command('backup')
    .description('Write a backup of the store, as it is at one moment, while the cluster runs')
    .argument('[file]', 'where to; CLUSTER-TIME.backup here unless told, - for standard output')
    .action(async (file: string | undefined) => {
      const { backup } = await import('../../backup/backup.js');
      await backup(cli, file);
    });
}

function exportCommand(cli: Cli): Command {
  return new Command('export')
    .description('The same, to a file; also of a manager that does not run')
    .argument('<file>')
    .option(...configOption)
    .action(async (file: string, { config }: StorePlace) => {
      const { backup, exportHere } = await import('../../backup/backup.js');
      await (config === undefined ? backup(cli, file) : exportHere(cli, file, config));
    });
}

function verifyCommand(cli: Cli): Command {
  return new Command('verify')
    .description('Say whether a file is a whole backup, and of what')
    .argument('<file>')
    .option('--format <format>', 'json or a template', 'json')
    .action(async (file: string, flags: { readonly format: string }) => {
      const { verifyFile } = await import('../../backup/backup.js');
      const { header, count } = await verifyFile(file);
      cli.stdout.write(formatInspect(flags.format, [{ ...header, objects: count }]));
    });
}

function importCommand(cli: Cli): Command {
  return new Command('import')
    .description('Restore a backup: the manager is stopped, its store filled, and started again')
    .argument('<file>')
    .option('--replace', 'move a store that is there aside', false)
    .option(...machineOption)
    .option(...configOption)
    .action(async (file: string, flags: StorePlace & { readonly replace: boolean }) => {
      if (flags.config !== undefined) {
        const { importHere } = await import('../../backup/here.js');
        await importHere(cli, { file, config: flags.config, replace: flags.replace });
        return;
      }
      const { importThere } = await import('../../backup/there.js');
      await importThere(cli, file, flags);
    });
}

function migrateCommand(cli: Cli): Command {
  return new Command('migrate')
    .description('Move the store to Consul or back: copied, compared, then the manager is switched')
    .argument('<to>', 'consul://HOST:PORT[,HOST:PORT…][/PREFIX], or embedded')
    .option(...machineOption)
    .option(...configOption)
    .action(async (to: string, flags: StorePlace) => {
      if (flags.config !== undefined) {
        const { migrateHere } = await import('../../backup/here.js');
        await migrateHere(cli, to, flags.config);
        return;
      }
      const { migrateThere } = await import('../../backup/there.js');
      await migrateThere(cli, to, flags);
    });
}
