import { isIPv4 } from 'node:net';
import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Network, NetworkSpec } from '../../../manager/common/model/network.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isAssigned } from '../../../manager/common/model/task-state.js';
import type { Cli } from '../../cli.js';
import { compileFilters, hasLabel } from '../../output/filter.js';
import { formatInspect, formatList } from '../../output/format.js';
import { forEachName } from '../../arguments/each.js';
import { keyValues } from '../../arguments/key-values.js';
import { collect } from '../../arguments/options.js';
import { checkName } from '../../arguments/names.js';

export function networkCommand(cli: Cli): Command {
  return new Command('network')
    .description('Manage networks')
    .addCommand(createCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(inspectCommand(cli))
    .addCommand(removeCommand(cli));
}

function listCommand(cli: Cli): Command {
  return new Command('ls')
    .alias('list')
    .description('List networks')
    .option('-q, --quiet', 'only display IDs')
    .option('--no-trunc', "don't truncate the output")
    .option('-f, --filter <filter>', `filter by a property: ${filterKeys}`, collect)
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: ListFlags) => {
      const passes = networkFilter(flags.filter);
      const client = await cli.connect();
      const all = await client.call('network.list', {}, { signal: cli.interrupts.signal });
      const networks = all.filter(passes);
      const idOf = (network: Network): string =>
        flags.trunc ? network.id.slice(0, 12) : network.id;
      if (flags.quiet === true) {
        cli.stdout.write(networks.map((network) => `${idOf(network)}\n`).join(''));
        return;
      }
      const items = networks.map((network) => ({
        cells: [idOf(network), network.spec.name, 'overlay', 'global', network.subnet],
        record: {
          CreatedAt: new Date(network.createdAt).toISOString(),
          ID: idOf(network),
          Name: network.spec.name,
          Driver: 'overlay',
          Labels: network.spec.labels,
          Project: network.spec.project,
          Scope: 'global',
          Subnet: network.subnet,
          Internal: network.spec.internal,
        },
      }));
      const header = ['NETWORK ID', 'NAME', 'DRIVER', 'SCOPE', 'SUBNET'];
      cli.stdout.write(formatList(flags.format, header, items));
    });
}

interface ListFlags {
  readonly quiet?: boolean;
  readonly format?: string;
  readonly trunc: boolean;
  readonly filter?: readonly string[];
}

const filterKeys = 'name=, id=, label=, driver=, scope=, project=';

function networkFilter(entries: readonly string[] | undefined): (network: Network) => boolean {
  return compileFilters<Network>(entries, {
    name: ({ spec }, value) => spec.name.includes(value),
    id: ({ id }, value) => id.startsWith(value),
    label: ({ spec }, value) => hasLabel(spec.labels, value),
    driver: (_, value) => value === 'overlay',
    scope: (_, value) => value === 'global' || value === 'swarm',
    project: ({ spec }, value) => spec.project === value,
  });
}

interface CreateFlags {
  readonly driver: string;
  readonly subnet?: string;
  readonly ipRange?: string;
  readonly internal?: boolean;
  readonly attachable?: boolean;
  readonly label?: readonly string[];
  readonly opt?: readonly string[];
}

function createCommand(cli: Cli): Command {
  return new Command('create')
    .description('Create a network that spans all nodes')
    .argument('<name>')
    .option('-d, --driver <driver>', 'network driver', 'overlay')
    .option('--subnet <cidr>', 'subnet in CIDR format, for example 10.5.0.0/24')
    .option('--ip-range <cidr>', 'allocate container addresses from this part of the subnet')
    .option('--internal', 'restrict external access to the network')
    .option('--attachable', 'allow manual container attachment (always on)')
    .option('--label <label>', 'set metadata', collect)
    .option('-o, --opt <option>', 'driver option', collect)
    .action(async (name: string, flags: CreateFlags) => {
      const spec = networkSpec(name, flags);
      const client = await cli.connect();
      const made = await client.call('network.create', spec, { signal: cli.interrupts.signal });
      cli.stdout.write(`${made.id}\n`);
    });
}

function networkSpec(name: string, flags: CreateFlags): NetworkSpec {
  checkName('network', name);
  if (flags.driver !== 'overlay' && flags.driver !== 'bridge') {
    throw new AppError('unsupported', `network driver "${flags.driver}": unsupported; use overlay`);
  }
  return {
    name,
    project: '',
    key: name,
    driver: 'overlay',
    ...(flags.subnet === undefined ? {} : { subnet: cidr('--subnet', flags.subnet) }),
    ...(flags.ipRange === undefined ? {} : { ipRange: cidr('--ip-range', flags.ipRange) }),
    internal: flags.internal === true,
    attachable: true,
    labels: keyValues('--label', flags.label),
    driverOpts: keyValues('--opt', flags.opt),
  };
}

function cidr(flag: string, text: string): string {
  const [address = '', bits = ''] = text.split('/', 2);
  if (isIPv4(address) && /^\d{1,2}$/u.test(bits) && Number(bits) <= 32) return text;
  throw new AppError(
    'invalid',
    `invalid ${flag} "${text}": use an IPv4 CIDR block like 10.5.0.0/24`,
  );
}

/** Finds a network by name, id or unique id prefix; throws `not-found`. */
export function resolveNetwork(networks: readonly Network[], name: string): Network {
  const exact = networks.find((network) => network.spec.name === name || network.id === name);
  const byPrefix = networks.filter(({ id }) => id.startsWith(name));
  const found = exact ?? (byPrefix.length === 1 ? byPrefix[0] : undefined);
  if (found !== undefined) return found;
  throw new AppError('not-found', `network ${name} not found`);
}

function inspectCommand(cli: Cli): Command {
  return new Command('inspect')
    .description('Display detailed information on networks')
    .argument('<names...>')
    .option('-f, --format <format>', 'json or a template')
    .action(async (names: string[], flags: { readonly format?: string }) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const [networks, tasks, nodes] = await Promise.all([
        client.call('network.list', {}, { signal }),
        client.call('task.list', {}, { signal }),
        client.call('node.list', {}, { signal }),
      ]);
      const objects = names.map((name) => inspected(resolveNetwork(networks, name), tasks, nodes));
      cli.stdout.write(formatInspect(flags.format, objects));
    });
}

function inspected(network: Network, tasks: readonly Task[], nodes: readonly Node[]): object {
  const { spec } = network;
  const containers = tasks
    .filter(({ status }) => isAssigned(status.state))
    .flatMap((task) =>
      task.attachments
        .filter(({ networkId }) => networkId === network.id)
        .map(({ address, mac }): readonly [string, object] => [
          task.status.containerId ?? task.id,
          {
            Name: task.containerName,
            Node: nodes.find(({ id }) => id === task.nodeId)?.spec.name ?? '',
            MacAddress: mac,
            IPv4Address: address,
          },
        ]),
    );
  return {
    Name: spec.name,
    Id: network.id,
    Created: new Date(network.createdAt).toISOString(),
    Scope: 'global',
    Driver: 'overlay',
    EnableIPv6: false,
    IPAM: { Driver: 'default', Config: network.subnet === '' ? [] : [{ Subnet: network.subnet }] },
    Internal: spec.internal,
    Attachable: spec.attachable,
    Ingress: false,
    VxlanId: network.vni,
    Containers: Object.fromEntries(containers),
    Options: spec.driverOpts,
    Labels: spec.labels,
  };
}

function removeCommand(cli: Cli): Command {
  return new Command('rm')
    .alias('remove')
    .description('Remove networks')
    .argument('<names...>')
    .option('-f, --force', 'do not fail if a network does not exist')
    .action(async (names: string[], flags: { readonly force?: boolean }) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const networks = await client.call('network.list', {}, { signal });
      await forEachName(cli, names, async (name) => {
        const missing = !networks.some(({ id, spec }) => spec.name === name || id.startsWith(name));
        if (missing && flags.force === true) return;
        const { spec } = resolveNetwork(networks, name);
        await client.call('network.remove', { name: spec.name }, { signal });
      });
    });
}
