import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { formatInspect } from '../../output/format.js';
import type { StoreTarget } from '../../backup/target.js';

const configOption = [
  '--config <file>',
  'settings file of a manager on this machine, to act on its store directly; the manager must be stopped',
] as const;
const machineOption = [
  '--machine <name>',
  'machine of the manager (default: the first manager of the cluster)',
] as const;

export function storeCommand(cli: Cli): Command {
  return new Command('store')
    .description("Back up, restore and migrate the cluster's store")
    .addCommand(backupCommand(cli))
    .addCommand(exportCommand(cli))
    .addCommand(verifyCommand(cli))
    .addCommand(importCommand(cli))
    .addCommand(migrateCommand(cli));
}

function backupCommand(cli: Cli): Command {
  return new Command('backup')
    .description('Write a consistent backup of the store while the cluster is running')
    .argument('[file]', 'output file, or - for stdout (default: CLUSTER-TIME.backup)')
    .action(async (file: string | undefined) => {
      const { backupCluster } = await import('../../backup/backup.js');
      await backupCluster(cli, file);
    });
}

function exportCommand(cli: Cli): Command {
  return new Command('export')
    .description('Write a backup to a file, also from a stopped manager')
    .argument('<file>')
    .option(...configOption)
    .action(async (file: string, { config }: StoreTarget) => {
      const { backupCluster, exportLocalStore } = await import('../../backup/backup.js');
      await (config === undefined ? backupCluster(cli, file) : exportLocalStore(cli, file, config));
    });
}

function verifyCommand(cli: Cli): Command {
  return new Command('verify')
    .description('Verify that a backup file is complete, and show its header')
    .argument('<file>')
    .option('--format <format>', 'json or a template', 'json')
    .action(async (file: string, flags: { readonly format: string }) => {
      const { verifyBackupFile } = await import('../../backup/backup.js');
      const { header, count } = await verifyBackupFile(file);
      cli.stdout.write(formatInspect(flags.format, [{ ...header, objects: count }]));
    });
}

function importCommand(cli: Cli): Command {
  return new Command('import')
    .description('Restore a backup: stop the manager, fill its store, start it again')
    .argument('<file>')
    .option('--replace', 'move an existing store aside', false)
    .option(...machineOption)
    .option(...configOption)
    .action(async (file: string, flags: StoreTarget & { readonly replace: boolean }) => {
      if (flags.config !== undefined) {
        const { importLocalStore } = await import('../../backup/local.js');
        await importLocalStore(cli, { file, config: flags.config, replace: flags.replace });
        return;
      }
      const { importRemoteStore } = await import('../../backup/remote.js');
      await importRemoteStore(cli, file, flags);
    });
}

function migrateCommand(cli: Cli): Command {
  return new Command('migrate')
    .description('Migrate the store to Consul or back: copy, compare, then switch the manager')
    .argument('<to>', 'consul://HOST:PORT[,HOST:PORT…][/PREFIX], or embedded')
    .option(...machineOption)
    .option(...configOption)
    .action(async (to: string, flags: StoreTarget) => {
      if (flags.config !== undefined) {
        const { migrateLocalStore } = await import('../../backup/local.js');
        await migrateLocalStore(cli, to, flags.config);
        return;
      }
      const { migrateRemoteStore } = await import('../../backup/remote.js');
      await migrateRemoteStore(cli, to, flags);
    });
}
