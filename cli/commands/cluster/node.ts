import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Node, NodeSpec } from '../../../manager/common/model/node.js';
import type { Cli } from '../../cli.js';
import { compileFilters, hasLabel, parseChoice } from '../../output/filter.js';
import { formatInspect, formatList } from '../../output/format.js';
import { forEachName } from '../../arguments/each.js';
import { keyValues } from '../../arguments/key-values.js';
import { collect } from '../../arguments/options.js';
import { compareNatural } from '../../project/selection.js';
import { waitForDrain } from '../../rollout/wait-for-drain.js';

export function nodeCommand(cli: Cli): Command {
  return new Command('node')
    .description('Manage the nodes of the cluster')
    .addCommand(listCommand(cli))
    .addCommand(inspectCommand(cli))
    .addCommand(updateCommand(cli))
    .addCommand(removeCommand(cli));
}

const titleCase = (text: string): string => text.replace(/^./u, (first) => first.toUpperCase());

function listCommand(cli: Cli): Command {
  return new Command('ls')
    .alias('list')
    .description('List nodes')
    .option('-q, --quiet', 'only display IDs')
    .option('-f, --filter <filter>', `filter by a property: ${filterKeys}`, collect)
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: ListFlags) => {
      const passes = nodeFilter(flags.filter);
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const [nodes, info] = await Promise.all([
        client.call('node.list', {}, { signal }),
        client.call('info', {}, { signal }),
      ]);
      const sorted = nodes.filter(passes).sort((a, b) => compareNatural(a.spec.name, b.spec.name));
      if (flags.quiet === true) {
        cli.stdout.write(sorted.map(({ id }) => `${id}\n`).join(''));
        return;
      }
      const items = sorted.map((node) => {
        const manager = managerStatus(node, info.nodeId);
        const status = titleCase(node.status.state);
        const availability = titleCase(node.spec.availability);
        const { engineVersion, address } = node.description;
        return {
          cells: [node.id, node.spec.name, status, availability, manager, engineVersion, address],
          record: {
            ID: node.id,
            Hostname: node.spec.name,
            Status: status,
            Availability: availability,
            ManagerStatus: manager,
            EngineVersion: engineVersion,
            Address: address,
            Message: node.status.message,
          },
        };
      });
      cli.stdout.write(
        formatList(
          flags.format,
          [
            'ID',
            'HOSTNAME',
            'STATUS',
            'AVAILABILITY',
            'MANAGER STATUS',
            'ENGINE VERSION',
            'ADDRESS',
          ],
          items,
        ),
      );
    });
}

interface ListFlags {
  readonly quiet?: boolean;
  readonly format?: string;
  readonly filter?: readonly string[];
}

const filterKeys = 'name=, id=, role=, status=, availability=, label=, node.label=';

function nodeFilter(entries: readonly string[] | undefined): (node: Node) => boolean {
  return compileFilters<Node>(entries, {
    name: ({ spec }, value) => spec.name.includes(value),
    id: ({ id }, value) => id.startsWith(value),
    role: ({ spec }, value) => spec.role === parseChoice('role', value, ['manager', 'worker']),
    status: ({ status }, value) => status.state === value.toLowerCase(),
    availability: ({ spec }, value) =>
      spec.availability === parseChoice('availability', value, availabilities),
    // In Docker, `label` means engine labels and `node.label` the cluster's; ours matches both.
    label: ({ spec, description }, value) =>
      hasLabel(description.engineLabels, value) || hasLabel(spec.labels, value),
    'node.label': ({ spec }, value) => hasLabel(spec.labels, value),
  });
}

function managerStatus(node: Node, leader: string): string {
  if (node.id === leader) return 'Leader';
  return node.spec.role === 'manager' ? 'Reachable' : '';
}

/** Finds a node by id, name or unique id prefix; throws `not-found`, or `invalid` if ambiguous. */
export function resolveNode(nodes: readonly Node[], name: string): Node {
  const exact = nodes.find((node) => node.id === name || node.spec.name === name);
  if (exact !== undefined) return exact;
  const byPrefix = nodes.filter(({ id }) => id.startsWith(name));
  if (byPrefix.length > 1)
    throw new AppError('invalid', `node ${name}: ambiguous id prefix; use more characters`);
  if (byPrefix[0] !== undefined) return byPrefix[0];
  throw new AppError('not-found', `no such node: ${name}`);
}

function inspectCommand(cli: Cli): Command {
  return new Command('inspect')
    .description('Display detailed information on nodes')
    .argument('<nodes...>')
    .option('-f, --format <format>', 'json or a template')
    .action(async (names: string[], flags: { readonly format?: string }) => {
      const client = await cli.connect();
      const nodes = await client.call('node.list', {}, { signal: cli.interrupts.signal });
      const objects = names.map((name) => inspected(resolveNode(nodes, name)));
      cli.stdout.write(formatInspect(flags.format, objects));
    });
}

/** The node in the format of `docker node inspect`. */
function inspected(node: Node): object {
  const { description, spec, status } = node;
  return {
    ID: node.id,
    Version: { Index: node.version },
    CreatedAt: new Date(node.createdAt).toISOString(),
    UpdatedAt: new Date(node.updatedAt).toISOString(),
    Spec: {
      Name: spec.name,
      Labels: spec.labels,
      Role: spec.role,
      Availability: spec.availability,
    },
    Description: {
      Hostname: description.hostname,
      Platform: { Architecture: description.arch, OS: description.os },
      Resources: { NanoCPUs: description.nanoCpus, MemoryBytes: description.memoryBytes },
      Engine: {
        EngineVersion: description.engineVersion,
        Labels: description.engineLabels,
        Plugins: description.plugins,
      },
      ShoalVersion: description.shoalVersion,
    },
    Status: {
      State: status.state,
      Message: status.message,
      Addr: description.address,
      Since: new Date(status.since).toISOString(),
    },
  };
}

interface UpdateFlags {
  readonly availability?: string;
  readonly labelAdd?: readonly string[];
  readonly labelRm?: readonly string[];
  readonly force?: boolean;
  readonly detach?: boolean;
}

const availabilities: readonly NodeSpec['availability'][] = ['active', 'pause', 'drain'];

function updateCommand(cli: Cli): Command {
  return new Command('update')
    .description('Update the availability and labels of nodes')
    .argument('<nodes...>')
    .option('--availability <availability>', 'active, pause or drain')
    .option('--label-add <label>', 'add or change a label: KEY=VALUE', collect)
    .option('--label-rm <key>', 'remove a label', collect)
    .option('-f, --force', 'with drain: stop tasks at once, even if no other node has room')
    .option('-d, --detach', 'with drain: do not wait until the tasks have moved')
    .action(async (names: string[], flags: UpdateFlags) => {
      const availability = availabilities.find((word) => word === flags.availability);
      if (flags.availability !== undefined && availability === undefined) {
        throw new AppError(
          'invalid',
          `invalid --availability "${flags.availability}": use active, pause or drain`,
        );
      }
      const labelAdd = keyValues('--label-add', flags.labelAdd);
      const change = {
        ...(availability === undefined ? {} : { availability }),
        ...(flags.labelAdd === undefined ? {} : { labelAdd }),
        ...(flags.labelRm === undefined ? {} : { labelRemove: flags.labelRm }),
      };
      if (Object.keys(change).length === 0) {
        throw new AppError(
          'invalid',
          'nothing to change: use --availability, --label-add or --label-rm',
        );
      }
      if (flags.force === true && availability !== 'drain') {
        throw new AppError('invalid', '--force: works only with --availability drain');
      }
      const force = flags.force === true ? { force: true } : {};
      const client = await cli.connect();
      const updated = new Set<string>();
      await forEachName(cli, names, async (name) => {
        const args = { node: name, ...change, ...force };
        const { id } = await client.call('node.update', args, { signal: cli.interrupts.signal });
        updated.add(id);
      });
      const isWaiting = availability === 'drain' && flags.force !== true && flags.detach !== true;
      if (isWaiting) await waitForDrain(cli, client, updated);
    });
}

function removeCommand(cli: Cli): Command {
  return new Command('rm')
    .alias('remove')
    .description('Remove nodes from the cluster and revoke their certificates')
    .argument('<nodes...>')
    .option('-f, --force', 'remove nodes even if they are up and have tasks')
    .action(async (names: string[], flags: { readonly force?: boolean }) => {
      const client = await cli.connect();
      await forEachName(cli, names, (node) =>
        client.call(
          'node.remove',
          { node, force: flags.force === true },
          { signal: cli.interrupts.signal },
        ),
      );
    });
}
