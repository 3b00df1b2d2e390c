import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import type { LocalClusterRecord, ManagerRoute } from '../../inventory/cluster-record.js';
import {
  MachineStore,
  resolveStoreFolder,
  writeFileAtomic,
} from '../../inventory/machine-store.js';
import { readSecret } from '../../output/secret-input.js';
import { readClientFile } from '../../client/client-file.js';
import { checkClusterName, managerRoutes } from '../../inventory/cluster-record.js';
import { formatList } from '../../output/format.js';

export function clusterCommand(cli: Cli): Command {
  return new Command('cluster')
    .description('List clusters and select the current one')
    .addCommand(listCommand(cli))
    .addCommand(useCommand(cli))
    .addCommand(importCommand(cli));
}

function storeOf(cli: Cli): MachineStore {
  return new MachineStore(resolveStoreFolder(cli.options.storagePath, cli.env));
}

/** The clusters with a record in the store, sorted by name. */
async function knownClusters(store: MachineStore): Promise<readonly LocalClusterRecord[]> {
  const folder = join(store.home, 'clusters');
  const files = await readdir(folder).catch(() => []);
  const names = files
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .sort();
  const found = await Promise.all(names.map((name) => store.findCluster(name)));
  return found.filter((cluster) => cluster !== undefined);
}

function listCommand(cli: Cli): Command {
  return new Command('ls')
    .alias('list')
    .description('List the clusters known on this computer')
    .option('-q, --quiet', 'only display names')
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: { readonly quiet?: boolean; readonly format?: string }) => {
      const store = storeOf(cli);
      const current = await store.currentCluster();
      const clusters = await knownClusters(store);
      if (flags.quiet === true) {
        cli.stdout.write(clusters.map(({ name }) => `${name}\n`).join(''));
        return;
      }
      const items = clusters.map(({ name, id, managers }) => {
        const urls = managers.map(({ url }) => url).join(',');
        return {
          cells: [name === current ? `${name} *` : name, id, urls],
          record: { Name: name, ID: id, Managers: urls, Current: name === current },
        };
      });
      cli.stdout.write(formatList(flags.format, ['NAME', 'ID', 'MANAGERS'], items));
    });
}

function useCommand(cli: Cli): Command {
  return new Command('use')
    .description('Select the cluster for commands without --cluster')
    .argument('<name>')
    .addOption(
      new Option('--via <route>', 'reach its managers over ssh, or direct on their port').choices(
        managerRoutes,
      ),
    )
    .action(async (name: string, { via }: { readonly via?: ManagerRoute }) => {
      const store = storeOf(cli);
      const known = (await knownClusters(store)).map((cluster) => cluster.name);
      if (!known.includes(name)) {
        const list = known.length === 0 ? 'none is known' : `known clusters: ${known.join(', ')}`;
        throw new AppError('not-found', `no such cluster: ${name} (${list})`);
      }
      if (via !== undefined) {
        await store.updateCluster(name, (seen) =>
          seen === undefined ? undefined : { ...seen, via },
        );
      }
      await store.setCurrentCluster(name);
      cli.stdout.write(`${name}\n`);
    });
}

function importCommand(cli: Cli): Command {
  return new Command('import')
    .description('Import a cluster from a file of "shoal client create" and select it')
    .argument('<file>')
    .requiredOption('--passphrase-file <file>', 'file with the passphrase, - for stdin')
    .option('--name <name>', 'name of the cluster on this computer')
    .action(
      async (file: string, flags: { readonly passphraseFile: string; readonly name?: string }) => {
        const bundle = await readClientFile(
          file,
          await readSecret(cli, flags.passphraseFile, '--passphrase-file'),
        );
        const { cluster, client, ca, cert, key } = bundle;
        const name = flags.name ?? cluster.name;
        checkClusterName(name);
        const store = storeOf(cli);
        await store.updateCluster(name, (known) => {
          if (known === undefined || (known.client === client && known.id === cluster.id)) {
            return { ...cluster, name, client };
          }
          throw new AppError('conflict', `cluster "${name}": already exists; use --name`);
        });
        const folder = store.clusterFolder(name);
        await writeFileAtomic(join(folder, 'key.pem'), key, 0o600);
        await writeFileAtomic(join(folder, 'cert.pem'), cert, 0o644);
        await writeFileAtomic(join(folder, 'ca.pem'), ca, 0o644);
        await store.setCurrentCluster(name);
        cli.stdout.write(`${name}\n`);
      },
    );
}
