import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { formatList } from '../../output/format.js';
import { compareNatural } from '../../project/selection.js';

export function managerCommand(cli: Cli): Command {
  return new Command('manager')
    .description('List, add and remove managers; with --config, run the manager daemon')
    .addCommand(listCommand(cli))
    .addCommand(
      roleCommand(cli, 'promote', 'Promote machines of the cluster to managers', 'promoted'),
    )
    .addCommand(roleCommand(cli, 'demote', 'Demote managers to workers', 'demoted'))
    .addCommand(removeCommand(cli));
}

function listCommand(cli: Cli): Command {
  return new Command('ls')
    .alias('list')
    .description('List managers')
    .option('-q, --quiet', 'only display names')
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: { readonly quiet?: boolean; readonly format?: string }) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const [managers, nodes] = await Promise.all([
        client.call('manager.list', {}, { signal }),
        client.call('node.list', {}, { signal }),
      ]);
      const rows = managers
        .map((manager) => {
          const node = nodes.find(({ id }) => id === manager.nodeId);
          const { nodeId, address, alive, leader } = manager;
          const status = leader ? 'Leader' : alive ? 'Reachable' : 'Unreachable';
          return { nodeId, name: node?.spec.name ?? nodeId, address, status };
        })
        .sort((a, b) => compareNatural(a.name, b.name));
      if (flags.quiet === true) {
        cli.stdout.write(rows.map(({ name }) => `${name}\n`).join(''));
        return;
      }
      const items = rows.map(({ nodeId, name, address, status }) => ({
        cells: [nodeId, name, address, status],
        record: { ID: nodeId, Hostname: name, Address: address, Status: status },
      }));
      cli.stdout.write(formatList(flags.format, ['ID', 'HOSTNAME', 'ADDRESS', 'STATUS'], items));
    });
}

interface MachineFlags {
  readonly storagePath?: string;
  readonly cluster?: string;
}

function machineFlags({ options: { storagePath, cluster } }: Cli): MachineFlags {
  return {
    ...(storagePath === undefined ? {} : { storagePath }),
    ...(cluster === undefined ? {} : { cluster }),
  };
}

function roleCommand(
  cli: Cli,
  name: 'promote' | 'demote',
  description: string,
  done: string,
): Command {
  return new Command(name)
    .description(description)
    .argument('<machines...>')
    .option('--consul-binary <path>', 'Consul binary to upload, if machines run their own Consul')
    .action(async (names: string[], flags: { readonly consulBinary?: string }) => {
      const { withProvisionContext } = await import('../../machine/with-provision-context.js');
      const { forgetManagerIn, nodeReadyIn } = await import('../../machine/cluster-calls.js');
      const roles = await import('../../machine/roles.js');
      const { ProvisionProgress } = await import('../../output/machine-progress.js');
      const options = machineFlags(cli);
      await withProvisionContext({ ...options, ...flags }, async (provisioning) => {
        const progress = new ProvisionProgress(process.stdout);
        const forget = forgetManagerIn(options);
        const work = { progress, nodeReady: nodeReadyIn(options), forget };
        try {
          for (const machine of names) await roles[name](provisioning, machine, work);
        } finally {
          progress.close();
        }
      });
      cli.stdout.write(names.map((machine) => `${machine} ${done}\n`).join(''));
    });
}

function removeCommand(cli: Cli): Command {
  return new Command('rm')
    .alias('remove')
    .description('Remove managers whose machines are permanently lost')
    .argument('<machines...>')
    .action(async (names: string[]) => {
      const { withProvisionContext } = await import('../../machine/with-provision-context.js');
      const { forgetManager } = await import('../../machine/roles.js');
      const { forgetManagerIn } = await import('../../machine/cluster-calls.js');
      const options = machineFlags(cli);
      await withProvisionContext(options, async (provisioning) => {
        for (const machine of names) {
          await forgetManager(provisioning, machine, forgetManagerIn(options));
        }
      });
      cli.stdout.write(names.map((machine) => `${machine}\n`).join(''));
    });
}
