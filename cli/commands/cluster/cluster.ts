import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import type { LocalClusterRecord } from '../../inventory/cluster-record.js';
import { MachineStore, resolveStoreFolder } from '../../inventory/machine-store.js';
import { formatList } from '../../output/format.js';

export function clusterCommand(cli: Cli): Command {
  return new Command('cluster')
    .description('List clusters and select the current one')
    .addCommand(listCommand(cli))
    .addCommand(useCommand(cli));
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
    .action(async (name: string) => {
      const store = storeOf(cli);
      const known = (await knownClusters(store)).map((cluster) => cluster.name);
      if (!known.includes(name)) {
        const list = known.length === 0 ? 'none is known' : `known clusters: ${known.join(', ')}`;
        throw new AppError('not-found', `no such cluster: ${name} (${list})`);
      }
      await store.setCurrentCluster(name);
      cli.stdout.write(`${name}\n`);
    });
}
