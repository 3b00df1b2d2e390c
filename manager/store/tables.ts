import type { NetworkId, NodeId } from '../common/model/ids.js';
import type { Lease, Network, Volume } from '../common/model/network.js';
import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import { prefixKeys, shortContainerId } from './container-id.js';
import { KeyedIndex } from './indexes/keyed-index.js';
import { PlacementIndex } from './indexes/placement-index.js';
import { ProjectUsageIndex } from './indexes/project-usage.js';
import { ServiceIndexes } from './indexes/service-indexes.js';
import type { StoreChange, TableName, Tables } from './store.js';
import type { TableObject } from './table-definitions.js';
import { tableNames, uniqueNameOf } from './table-definitions.js';

/** One table: objects by id, by unique name, and as a list sorted by id. */
class Table {
  readonly objects = new Map<string, TableObject>();
  readonly names = new Map<string, TableObject>();
  readonly #name: TableName;
  /** All ids, sorted; computed lazily, undefined after an object was added or removed. */
  #ids: readonly string[] | undefined;
  #list: readonly TableObject[] | undefined;

  constructor(name: TableName) {
    this.#name = name;
  }

  list(): readonly TableObject[] {
    this.#list ??= this.#sorted();
    return this.#list;
  }

  change(before: TableObject | undefined, after: TableObject | undefined): void {
    this.#list = undefined;
    if (before !== undefined) this.#forgetName(before);
    if (after !== undefined) {
      const name = uniqueNameOf(this.#name, after);
      if (name !== undefined) this.names.set(name, after);
      this.objects.set(after.id, after);
    } else if (before !== undefined) {
      this.objects.delete(before.id);
    }
    if (before === undefined || after === undefined) this.#ids = undefined;
  }

  #forgetName(object: TableObject): void {
    const name = uniqueNameOf(this.#name, object);
    if (name !== undefined && this.names.get(name)?.id === object.id) this.names.delete(name);
  }

  #sorted(): readonly TableObject[] {
    this.#ids ??= [...this.objects.keys()].sort();
    const list: TableObject[] = [];
    for (const id of this.#ids) {
      const object = this.objects.get(id);
      if (object !== undefined) list.push(object);
    }
    return list;
  }
}

/** The only key of the index of networks that are being removed. */
export const removingKey = 'removing';

function leaseKeys(lease: Lease): readonly string[] {
  // Lease ids are `address/<network>/…` and `port/<node>/…`, see model/network.ts.
  const scope = lease.id.split('/')[1] ?? '';
  const { holder } = lease;
  if (holder.kind === 'gateway')
    return [scope, holder.nodeId, gatewayKeyOf(holder.nodeId, holder.networkId)];
  return [scope, holder.kind === 'task' ? holder.taskId : holder.nodeId];
}

/** Key of a node's gateways on a network in the index of leases. */
export function gatewayKeyOf(node: NodeId, network: NetworkId): string {
  return `${node}/${network}`;
}

/** All in-memory tables with their indexes; applies and reverts changes. */
export class TableSet {
  readonly #tables = new Map<TableName, Table>(tableNames.map((name) => [name, new Table(name)]));
  readonly tasksByService = this.#index('tasks', (task) => [task.serviceId]);
  readonly tasksByNode = this.#index('tasks', ({ nodeId }) =>
    nodeId === undefined ? [] : [nodeId],
  );
  readonly tasksByNetwork = this.#index('tasks', ({ attachments }) =>
    attachments.map(({ networkId }) => networkId),
  );
  readonly tasksByContainerName = this.#index('tasks', (task) => [task.containerName]);
  readonly tasksByContainer = this.#index('tasks', ({ status: { containerId } }) =>
    containerId === undefined ? [] : [shortContainerId(containerId)],
  );
  /** For prefixes that are shorter than the ids that clients show. */
  readonly tasksByContainerPrefix = this.#index('tasks', ({ status: { containerId } }) =>
    containerId === undefined ? [] : prefixKeys(containerId),
  );
  readonly placement = new PlacementIndex(this.#getter('tasks'));
  readonly services = new ServiceIndexes(this.#getter('services'));
  readonly networksByRemoval = this.#index('networks', ({ removing }) =>
    removing ? [removingKey] : [],
  );
  readonly projectUsage = new ProjectUsageIndex();
  /** Leases by network (addresses), node (ports, gateways, fenced), task, and gateway. */
  readonly leasesByScope = this.#index('leases', leaseKeys);

  get(table: TableName, id: string): TableObject | undefined {
    return this.#table(table).objects.get(id);
  }

  byName(table: TableName, name: string): TableObject | undefined {
    return this.#table(table).names.get(name);
  }

  list(table: TableName): readonly TableObject[] {
    return this.#table(table).list();
  }

  count(table: TableName): number {
    return this.#table(table).objects.size;
  }

  apply(change: StoreChange): void {
    this.#change(change.table, change.before, change.after);
  }

  revert(change: StoreChange): void {
    this.#change(change.table, change.after, change.before);
  }

  #index<Name extends TableName>(
    table: Name,
    keysOf: (object: Tables[Name]) => readonly string[],
  ): KeyedIndex<Tables[Name]> {
    return new KeyedIndex(keysOf, this.#getter(table));
  }

  #getter<Name extends TableName>(table: Name): (id: string) => Tables[Name] | undefined {
    const { objects } = this.#table(table);
    return (id) => objects.get(id) as Tables[Name] | undefined;
  }

  #table(name: TableName): Table {
    const table = this.#tables.get(name);
    if (table === undefined) throw new Error(`no table ${name}`);
    return table;
  }

  #change(name: TableName, before: TableObject | undefined, after: TableObject | undefined): void {
    this.#table(name).change(before, after);
    if (name === 'tasks') {
      const [from, to] = [before as Task | undefined, after as Task | undefined];
      this.placement.change(from, to);
      this.tasksByService.change(from, to);
      this.tasksByNode.change(from, to);
      this.tasksByNetwork.change(from, to);
      this.tasksByContainerName.change(from, to);
      this.tasksByContainer.change(from, to);
      this.tasksByContainerPrefix.change(from, to);
      this.projectUsage.changeTask(from, to);
    } else if (name === 'services') {
      this.services.change(before as Service | undefined, after as Service | undefined);
    } else if (name === 'networks') {
      this.networksByRemoval.change(before as Network | undefined, after as Network | undefined);
    } else if (name === 'volumes') {
      this.projectUsage.changeVolume(before as Volume | undefined, after as Volume | undefined);
    } else if (name === 'leases') {
      this.leasesByScope.change(before as Lease | undefined, after as Lease | undefined);
    }
  }
}
