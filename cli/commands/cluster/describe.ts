import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { describeObject } from '../../dashboard/view-model/describe/describe.js';
import { asciiGlyphs } from '../../dashboard/view-model/paint/glyphs.js';
import { sanitizeText } from '../../dashboard/view-model/paint/text.js';
import type { ListName } from '../../dashboard/view-model/views/all.js';
import { ClusterState } from '../../dashboard/view-model/state/cluster-state.js';

/** List names by the kind that a user writes. */
const kinds: Readonly<Record<string, ListName>> = {
  task: 'tasks',
  container: 'tasks',
  service: 'services',
  machine: 'machines',
  node: 'machines',
  network: 'networks',
  volume: 'volumes',
  project: 'projects',
};

interface Found {
  readonly view: ListName;
  readonly id: string;
}

/** Time limit for the manager's answer. */
const answerMs = 15_000;

export function describeCommand(cli: Cli): Command {
  return new Command('describe')
    .description('Show details of a service, container, machine, network, volume or project')
    .argument('<name...>', 'a name or id; put its kind first if the name is ambiguous')
    .addHelpText(
      'after',
      `
Kinds: ${Object.keys(kinds).join(', ')}

Examples:
  shoal describe todoApp                  any object with this name
  shoal describe machine node-1           its usage, tasks and labels
  shoal describe container shop-web-3     its placement, networks and last exit`,
    )
    .action(async (args: string[]) => {
      const world = await readWorld(cli);
      const [first = '', ...rest] = args;
      const kind = rest.length > 0 ? kinds[first.replace(/s$/u, '')] : undefined;
      if (rest.length > 0 && kind === undefined) {
        throw new AppError(
          'invalid',
          `unknown kind "${first}": use one of ${Object.keys(kinds).join(', ')}`,
        );
      }
      const names = kind === undefined ? args : rest;
      const look = { world, now: cli.now(), glyphs: asciiGlyphs, commands: [] };
      const texts = names.map((name) => {
        const { view, id } = findOne(world, name, kind);
        const lines = describeObject(view, id, look) ?? [];
        return lines.map((line) => `${sanitizeText(line)}\n`).join('');
      });
      cli.stdout.write(texts.join('\n'));
    });
}

async function readWorld(cli: Cli): Promise<ClusterState> {
  const client = await cli.connect();
  const world = new ClusterState(client.cluster);
  const options = { signal: cli.interrupts.signal, timeoutMs: answerMs };
  const [services, tasks, nodes, networks, volumes] = await Promise.all([
    client.call('service.list', {}, options),
    client.call('task.list', {}, options),
    client.call('node.list', {}, options),
    client.call('network.list', {}, options),
    client.call('volume.list', {}, options),
  ]);
  world.applyWatch({ kind: 'snapshot', services, tasks, nodes, networks, volumes });
  return world;
}

/**
 * Finds an object by name or id. Throws `not-found`, or `invalid` with the candidates if ambiguous.
 */
function findOne(world: ClusterState, name: string, kind: ListName | undefined): Found {
  const found = candidates(world)
    .filter(({ view }) => kind === undefined || view === kind)
    .filter(({ id, names }) => id === name || names.includes(name));
  const [only, ...others] = found;
  if (only === undefined) throw new AppError('not-found', `no such object: ${name}`);
  if (others.length === 0) return only;
  const matches = found.map(({ view, id }) => `${kindOf(view)} ${id}`).join(', ');
  throw new AppError(
    'invalid',
    `${name}: ambiguous name, matches ${matches}; put the kind before the name`,
  );
}

function kindOf(view: ListName): string {
  return view.replace(/s$/u, '');
}

function candidates(
  world: ClusterState,
): readonly (Found & { readonly names: readonly string[] })[] {
  const projects = new Set([...world.services.values()].map(({ spec }) => spec.project));
  return [
    ...[...world.services.values()].map(({ id, spec }) => ({
      view: 'services' as const,
      id,
      names: [spec.service, spec.name, `${spec.project}/${spec.service}`],
    })),
    ...world.currentTasks().map(({ id, containerName, status }) => ({
      view: 'tasks' as const,
      id,
      names: [containerName, status.containerId?.slice(0, 12) ?? ''],
    })),
    ...[...world.nodes.values()].map(({ id, spec, description }) => ({
      view: 'machines' as const,
      id,
      names: [spec.name, description.address],
    })),
    ...[...world.networks.values()].map(({ id, spec }) => ({
      view: 'networks' as const,
      id,
      names: [spec.name],
    })),
    ...[...world.volumes.values()].map(({ id, spec }) => ({
      view: 'volumes' as const,
      id,
      names: [spec.name],
    })),
    ...[...projects].map((name) => ({ view: 'projects' as const, id: name, names: [name] })),
  ];
}
