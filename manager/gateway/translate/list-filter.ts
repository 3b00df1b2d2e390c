import { isActive, shownState } from './shown-state.js';
import { AppError } from '../../common/base/errors.js';
import { containerState } from '../../common/model/container-state.js';
import type { MountSpec } from '../../common/model/container.js';
import type { PublishedPort } from '../../common/model/task.js';
import { parseImage } from './image-name.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer } from '../find-container.js';
import type { QueryFilters } from '../filters.js';
import { matchesFilter, hasLabels, matchesName, parseQueryFilters } from '../filters.js';
import { flagParameter, integerParameter } from '../query.js';
import type { StoreView } from '../../store/store.js';
import { unpublishedPorts } from './container.js';
import { labelsOf } from './labels.js';

const knownFilters = [
  ...['ancestor', 'before', 'exited', 'expose', 'health', 'id', 'is-task', 'isolation', 'label'],
  ...['name', 'network', 'node', 'publish', 'since', 'status', 'volume'],
];

const states = ['created', 'running', 'paused', 'restarting', 'removing', 'exited', 'dead'];
const healths = ['starting', 'healthy', 'unhealthy', 'none'];

/**
 * Selects the containers a list query asks for; keeps their order. Throws `invalid` and
 * `not-found`.
 */
export function selectContainers(
  all: readonly PlacedContainer[],
  query: URLSearchParams,
  { view, clusterId }: { readonly view: StoreView; readonly clusterId: string },
): readonly PlacedContainer[] {
  const filters = parseQueryFilters(query, knownFilters);
  check(filters, 'status', states);
  check(filters, 'health', healths);
  for (const value of filters.get('exited') ?? []) {
    if (/^[+-]?\d+$/u.test(value)) continue;
    throw new AppError('invalid', `invalid filter 'exited=${value}': must be an integer`);
  }
  const limit = integerParameter(query, 'limit') ?? 0;
  const everything = flagParameter(query, 'all') || limit > 0 || filters.has('status');
  const range = rangeOf(filters, view);
  const found = all
    .filter((item) => everything || isShown(item))
    .filter(range)
    .filter((item) => passes(item, filters, clusterId));
  return limit > 0 ? found.slice(0, limit) : found;
}

function check(filters: QueryFilters, key: string, allowed: readonly string[]): void {
  for (const value of filters.get(key) ?? []) {
    if (allowed.includes(value)) continue;
    throw new AppError('invalid', `invalid filter '${key}=${value}'`);
  }
}

/** True for the containers that are listed without `all`. */
function isShown(item: PlacedContainer): boolean {
  return isActive(shownState(item));
}

/** Filters `before` and `since`: created before or after another container. */
function rangeOf(filters: QueryFilters, view: StoreView): (item: PlacedContainer) => boolean {
  const madeAt = (key: string): number | undefined => {
    const reference = filters.get(key)?.[0];
    return reference === undefined ? undefined : findContainer(view, reference).task.createdAt;
  };
  const [before, since] = [madeAt('before'), madeAt('since')];
  return ({ task }) =>
    (before === undefined || task.createdAt < before) &&
    (since === undefined || task.createdAt > since);
}

function passes(item: PlacedContainer, filters: QueryFilters, clusterId: string): boolean {
  const { task, node, containerId } = item;
  const { status, attachments } = task;
  return (
    matchesFilter(filters, 'id', (value) => containerId.startsWith(value)) &&
    matchesFilter(filters, 'name', (value) =>
      [`/${task.containerName}`, task.containerName].some((name) => matchesName(name, value)),
    ) &&
    matchesFilter(filters, 'isolation', (value) => ['', 'default'].includes(value)) &&
    matchesFilter(filters, 'status', (value) => shownState(item) === value) &&
    matchesFilter(filters, 'health', (value) => (status.health ?? 'none') === value) &&
    matchesFilter(filters, 'exited', (value) => hasExited(item, value)) &&
    matchesFilter(filters, 'ancestor', (value) => isOfImage(item, value)) &&
    matchesFilter(filters, 'node', (value) => value === node.spec.name || value === node.id) &&
    matchesFilter(filters, 'is-task', (value) => value === 'false' || value === '0') &&
    matchesFilter(filters, 'network', (value) =>
      attachments.some(({ network, networkId }) => network === value || networkId === value),
    ) &&
    matchesFilter(filters, 'volume', (value) => task.spec.container.mounts.some(mounts(value))) &&
    matchesFilter(filters, 'publish', (value) =>
      portFits(status.ports ?? [], value, 'published'),
    ) &&
    matchesFilter(filters, 'expose', (value) =>
      portFits([...(status.ports ?? []), ...exposedPorts(item)], value, 'target'),
    ) &&
    hasLabels(filters, labelsOf(item, clusterId))
  );
}

/** Exposed ports that are not published, as ports that no filter for published ones matches. */
function exposedPorts({ task }: PlacedContainer): readonly PublishedPort[] {
  return unpublishedPorts(task).map(({ PrivatePort, Type }) => ({
    ...{ hostIp: '', published: 0, target: PrivatePort },
    protocol: Type === 'udp' || Type === 'sctp' ? Type : 'tcp',
  }));
}

function hasExited({ task }: PlacedContainer, code: string): boolean {
  return containerState(task) === 'exited' && task.status.exitCode === Number(code);
}

function isOfImage({ task }: PlacedContainer, wanted: string): boolean {
  const { imageId = '' } = task.status;
  if (imageId === wanted || imageId.startsWith(`sha256:${wanted}`)) return true;
  const [has, asked] = [parseImage(task.spec.container.image), parseImage(wanted)];
  if (has.name !== asked.name) return false;
  return asked.tag === '' || has.tag === asked.tag || (has.tag || 'latest') === asked.tag;
}

function mounts(wanted: string): (mount: MountSpec) => boolean {
  return (mount) => mount.target === wanted || (mount.type !== 'tmpfs' && mount.source === wanted);
}

/** Matches `80`, `80/tcp` or `8000-8010/udp`. */
function portFits(
  ports: readonly PublishedPort[],
  wanted: string,
  key: 'published' | 'target',
): boolean {
  const matched = /^(\d+)(?:-(\d+))?(?:\/(tcp|udp|sctp))?$/u.exec(wanted);
  if (matched === null) throw new AppError('invalid', `invalid filter '${wanted}': not a port`);
  const [, first, last = first, protocol = 'tcp'] = matched;
  return ports.some(
    (port) => port.protocol === protocol && port[key] >= Number(first) && port[key] <= Number(last),
  );
}
