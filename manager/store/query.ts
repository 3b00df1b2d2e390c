import type { Lease } from '../common/model/network.js';
import type { Service } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import { globalKey, serviceKeyOf } from './indexes/service-indexes.js';
import type { StoreView, TableName, Tables } from './store.js';
import { prefixKeys, shortContainerId } from './container-id.js';
import type { TableSet } from './tables.js';
import { gatewayKeyOf, removingKey } from './tables.js';

/** Read side of the store over the in-memory tables. */
export class TableView implements StoreView {
  protected readonly tables: TableSet;
  readonly #index: () => number;

  constructor(tables: TableSet, index: () => number) {
    this.tables = tables;
    this.#index = index;
  }

  get index(): number {
    return this.#index();
  }

  get<Name extends TableName>(table: Name, id: Tables[Name]['id']): Tables[Name] | undefined {
    return this.tables.get(table, id) as Tables[Name] | undefined;
  }

  list<Name extends TableName>(table: Name): readonly Tables[Name][] {
    return this.tables.list(table) as readonly Tables[Name][];
  }

  count(table: TableName): number {
    return this.tables.count(table);
  }

  tasksOfService(id: Service['id']): readonly Task[] {
    return this.tables.tasksByService.list(id);
  }

  tasksOfNode(id: Tables['nodes']['id']): readonly Task[] {
    return this.tables.tasksByNode.list(id);
  }

  tasksOfNetwork(id: Tables['networks']['id']): readonly Task[] {
    return this.tables.tasksByNetwork.list(id);
  }

  tasksOfContainerName(name: string): readonly Task[] {
    return this.tables.tasksByContainerName.list(name);
  }

  tasksOfContainer(id: string): readonly Task[] {
    return this.tables.tasksByContainer.list(shortContainerId(id));
  }

  tasksOfContainerPrefix(prefix: string): readonly Task[] {
    return prefixKeys(prefix)
      .flatMap((key) => this.tables.tasksByContainerPrefix.list(key))
      .filter(({ status }) => status.containerId?.startsWith(prefix));
  }

  servicesOfContainerName(name: string): readonly Service[] {
    return this.tables.services.byContainerName.list(name);
  }

  servicesOfProject(project: string): readonly Service[] {
    return this.tables.services.byProject.list(project);
  }

  usageOfProject(project: string): ReturnType<StoreView['usageOfProject']> {
    const { projectUsage } = this.tables;
    return { total: projectUsage.total(project), byNode: projectUsage.byNode(project) };
  }

  servicesOverQuota(project: string): readonly Service['id'][] {
    return this.tables.projectUsage.waitingServices(project);
  }

  dependentsOfService(project: string, service: string): readonly Service[] {
    return this.tables.services.dependents.list(serviceKeyOf(project, service));
  }

  globalServices(): readonly Service[] {
    return this.tables.services.global.list(globalKey);
  }

  servicesWithAddressOn(network: string): readonly Service[] {
    return this.tables.services.fixedAddresses.list(network);
  }

  leasesOfNetwork(id: Tables['networks']['id']): readonly Lease[] {
    return this.tables.leasesByScope.list(id);
  }

  leasesOfNode(id: Tables['nodes']['id']): readonly Lease[] {
    return this.tables.leasesByScope.list(id);
  }

  gatewayLease(node: Tables['nodes']['id'], network: Tables['networks']['id']): Lease | undefined {
    return this.tables.leasesByScope.list(gatewayKeyOf(node, network))[0];
  }

  leasesOfTask(id: Task['id']): readonly Lease[] {
    return this.tables.leasesByScope.list(id);
  }

  removingNetworks(): readonly Tables['networks'][] {
    return this.tables.networksByRemoval.list(removingKey);
  }

  serviceByName(name: string): Service | undefined {
    return this.tables.byName('services', name) as Service | undefined;
  }

  nodeByName(name: string): Tables['nodes'] | undefined {
    return this.tables.byName('nodes', name) as Tables['nodes'] | undefined;
  }

  networkByName(name: string): Tables['networks'] | undefined {
    return this.tables.byName('networks', name) as Tables['networks'] | undefined;
  }

  volumeByName(name: string): Tables['volumes'] | undefined {
    return this.tables.byName('volumes', name) as Tables['volumes'] | undefined;
  }

  secretByName(name: string): Tables['secrets'] | undefined {
    return this.tables.byName('secrets', name) as Tables['secrets'] | undefined;
  }

  configByName(name: string): Tables['configs'] | undefined {
    return this.tables.byName('configs', name) as Tables['configs'] | undefined;
  }
}
