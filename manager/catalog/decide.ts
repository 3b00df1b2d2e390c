import { canonicalJson } from '../common/base/canonical.js';
import type { CatalogEntries, CatalogOperation } from '../store/catalog.js';
import type { CatalogNode, CatalogService } from '../store/catalog.js';
import type { Node } from '../common/model/node.js';
import type { Task } from '../common/model/task.js';
import type { StoreView } from '../store/store.js';

export interface CatalogCluster {
  readonly id: string;
  readonly name: string;
}

/**
 * Decides the operations on the catalog: nodes first, then services, then removals. Tasks of a node
 * in state `unknown`, not heard from since a leader change, stay listed: they are not known to have
 * ended.
 */
export function decideCatalog(
  view: Pick<StoreView, 'list'>,
  seen: CatalogEntries,
  cluster: CatalogCluster,
): readonly CatalogOperation[] {
  const wanted = wantedEntries(view, seen, cluster);
  const puts: CatalogOperation[] = [];
  for (const node of wanted.nodes.values()) {
    if (!isEqual(seen.nodes.get(node.name), node)) puts.push({ kind: 'put-node', node });
  }
  const removals: CatalogOperation[] = [];
  for (const service of wanted.services.values()) {
    const before = seen.services.get(service.id);
    if (isEqual(before, service)) continue;
    if (before !== undefined && before.node !== service.node) removals.push(removeService(before));
    puts.push({ kind: 'put-service', service });
  }
  for (const service of seen.services.values()) {
    if (!wanted.services.has(service.id)) removals.push(removeService(service));
  }
  for (const { name } of seen.nodes.values()) {
    if (!wanted.nodes.has(name) && !seen.foreign.has(name)) {
      removals.push({ kind: 'remove-node', name });
    }
  }
  return [...puts, ...removals];
}

/** Returns the entries as they are after all operations. */
export function applyCatalogOperations(
  seen: CatalogEntries,
  operations: readonly CatalogOperation[],
): CatalogEntries {
  const nodes = new Map(seen.nodes);
  const services = new Map(seen.services);
  for (const operation of operations) {
    switch (operation.kind) {
      case 'put-node':
        nodes.set(operation.node.name, operation.node);
        break;
      case 'put-service':
        services.set(operation.service.id, operation.service);
        break;
      case 'remove-service':
        if (services.get(operation.id)?.node === operation.node) services.delete(operation.id);
        break;
      case 'remove-node':
        nodes.delete(operation.name);
    }
  }
  return { nodes, services, foreign: seen.foreign };
}

function removeService({ id, node, name }: CatalogService): CatalogOperation {
  return { kind: 'remove-service', id, node, name };
}

function isEqual(
  a: CatalogNode | CatalogService | undefined,
  b: CatalogNode | CatalogService,
): boolean {
  return a !== undefined && canonicalJson(a) === canonicalJson(b);
}

function wantedEntries(
  view: Pick<StoreView, 'list'>,
  seen: CatalogEntries,
  cluster: CatalogCluster,
): Pick<CatalogEntries, 'nodes' | 'services'> {
  const nodes = new Map<string, CatalogNode>();
  const services = new Map<string, CatalogService>();
  const put = (service: CatalogService): unknown => services.set(service.id, service);
  const byId = new Map<string, Node>();
  for (const node of view.list('nodes')) {
    const name = catalogName(cluster, node.spec.name);
    // A foreign node with this name is left alone, and our node is not listed.
    if (seen.foreign.has(name) && !seen.nodes.has(name)) continue;
    byId.set(node.id, node);
    nodes.set(name, nodeEntry(name, node));
    put(machineService(name, node, cluster));
  }
  for (const task of view.list('tasks')) {
    const node = task.nodeId === undefined ? undefined : byId.get(task.nodeId);
    if (node === undefined) continue;
    for (const service of taskServices(task, node, cluster)) put(service);
    if (node.status.state !== 'unknown' || task.status.state === 'running') continue;
    for (const kept of seen.services.values()) if (kept.meta.task === task.id) put(kept);
  }
  return { nodes, services };
}

/** Name of a cluster node in the catalog. */
export function catalogName(cluster: CatalogCluster, node: string): string {
  return `shoal-${cluster.name}-${node}`;
}

function nodeEntry(name: string, { description, status }: Node): CatalogNode {
  const healthy = status.state !== 'down';
  const output = healthy ? '' : status.message;
  return { name, address: description.address, healthy, output };
}

function machineService(name: string, node: Node, cluster: CatalogCluster): CatalogService {
  const { address } = node.description;
  return {
    id: `shoal-node-${node.id}`,
    node: name,
    name: 'shoal-node',
    address,
    port: 0,
    tags: [cluster.name, node.spec.role],
    meta: { 'shoal-cluster': cluster.id, node: node.id },
    healthy: node.status.state !== 'down',
    output: '',
  };
}

/** Entries of a running task: its overlay address and each published port. Empty unless it runs. */
function taskServices(task: Task, node: Node, cluster: CatalogCluster): readonly CatalogService[] {
  const { status, spec, attachments } = task;
  if (status.state !== 'running') return [];
  const listed = {
    node: catalogName(cluster, node.spec.name),
    meta: {
      'shoal-cluster': cluster.id,
      task: task.id,
      project: task.project,
      service: task.service,
      container: task.containerName,
      network: attachments[0]?.network ?? '',
    },
    ...health(task),
  };
  const name = dnsLabel(task.service);
  const slot = `slot-${String(task.slot)}`;
  const own: CatalogService = {
    ...listed,
    id: `shoal-task-${task.id}`,
    name,
    address: attachments[0]?.address ?? node.description.address,
    port: spec.ports[0]?.target ?? 0,
    tags: [dnsLabel(task.project), slot],
  };
  const published = (status.ports ?? []).map((port): CatalogService => {
    const isAny = port.hostIp === '' || port.hostIp === '0.0.0.0' || port.hostIp === '::';
    return {
      ...listed,
      id: `shoal-port-${task.id}-${String(port.published)}-${port.protocol}`,
      name: `${name.slice(0, 53)}-published`,
      address: isAny ? node.description.address : port.hostIp,
      port: port.published,
      tags: [dnsLabel(task.project), slot, `${port.protocol}-${String(port.target)}`],
    };
  });
  return [own, ...published];
}

function health({ status }: Task): Pick<CatalogService, 'healthy' | 'output'> {
  if (status.startedAt === undefined) return { healthy: false, output: 'restarting' };
  const { health: state = 'healthy' } = status;
  return { healthy: state === 'healthy', output: state === 'healthy' ? '' : state };
}

/** Converts text to a DNS label: letters, digits and hyphens, at most 63 characters. */
function dnsLabel(text: string): string {
  const label = text.replaceAll(/[^0-9A-Za-z-]+/gu, '-').slice(0, 63);
  return label.replaceAll(/^-+|-+$/gu, '');
}
