import type { Lease } from '../common/model/network.js';
import type { Service } from '../common/model/service.js';
import { noUsage } from '../common/model/trust/project-quota.js';
import type { Task } from '../common/model/task.js';
import type { Commit, StoreChange, StoreView, TableName, Tables } from '../store/store.js';

type Scoped<Name extends TableName> = (object: Tables[Name], view: StoreView) => string | undefined;

const shared = (): string => '';
const hidden = (): undefined => undefined;
const ofSpec = ({ spec }: { readonly spec: { readonly project: string } }): string => spec.project;

/**
 * Project of each table's objects: empty for objects that all projects share, undefined for objects
 * that clients of single projects never see.
 */
const projectsOf: { readonly [Name in TableName]: Scoped<Name> } = {
  nodes: shared,
  cluster: shared,
  projects: ({ id }) => id,
  services: ofSpec,
  tasks: ({ project }) => project,
  networks: ofSpec,
  volumes: ofSpec,
  secrets: ofSpec,
  configs: ofSpec,
  images: shared,
  leases: ({ holder }, view) =>
    holder.kind === 'task' ? view.get('tasks', holder.taskId)?.project : undefined,
  events: hidden,
  audit: hidden,
};

/** The store as a client sees it that is limited to some projects. */
export class ScopedView implements StoreView {
  readonly #view: StoreView;
  readonly #projects: ReadonlySet<string>;

  constructor(view: StoreView, projects: readonly string[]) {
    this.#view = view;
    this.#projects = new Set(['', ...projects]);
  }

  get index(): number {
    return this.#view.index;
  }

  get<Name extends TableName>(table: Name, id: Tables[Name]['id']): Tables[Name] | undefined {
    return this.#visible(table, this.#view.get(table, id));
  }

  list<Name extends TableName>(table: Name): readonly Tables[Name][] {
    return this.#view.list(table).filter((object) => this.#sees(table, object));
  }

  count(table: TableName): number {
    return this.list(table).length;
  }

  tasksOfService(id: Service['id']): readonly Task[] {
    return this.#tasks(this.#view.tasksOfService(id));
  }

  tasksOfNode(id: Tables['nodes']['id']): readonly Task[] {
    return this.#tasks(this.#view.tasksOfNode(id));
  }

  tasksOfNetwork(id: Tables['networks']['id']): readonly Task[] {
    return this.#tasks(this.#view.tasksOfNetwork(id));
  }

  tasksOfContainerName(name: string): readonly Task[] {
    return this.#tasks(this.#view.tasksOfContainerName(name));
  }

  tasksOfContainer(id: string): readonly Task[] {
    return this.#tasks(this.#view.tasksOfContainer(id));
  }

  tasksOfContainerPrefix(prefix: string): readonly Task[] {
    return this.#tasks(this.#view.tasksOfContainerPrefix(prefix));
  }

  servicesOfContainerName(name: string): readonly Service[] {
    return this.#services(this.#view.servicesOfContainerName(name));
  }

  servicesOfProject(project: string): readonly Service[] {
    return this.#projects.has(project) ? this.#view.servicesOfProject(project) : [];
  }

  dependentsOfService(project: string, service: string): readonly Service[] {
    return this.#projects.has(project) ? this.#view.dependentsOfService(project, service) : [];
  }

  globalServices(): readonly Service[] {
    return this.#services(this.#view.globalServices());
  }

  servicesWithAddressOn(network: string): readonly Service[] {
    return this.#services(this.#view.servicesWithAddressOn(network));
  }

  usageOfProject(project: string): ReturnType<StoreView['usageOfProject']> {
    return this.#projects.has(project)
      ? this.#view.usageOfProject(project)
      : { total: noUsage, byNode: new Map() };
  }

  servicesOverQuota(project: string): readonly Service['id'][] {
    return this.#projects.has(project) ? this.#view.servicesOverQuota(project) : [];
  }

  leasesOfNetwork(id: Tables['networks']['id']): readonly Lease[] {
    return this.#leases(this.#view.leasesOfNetwork(id));
  }

  leasesOfNode(id: Tables['nodes']['id']): readonly Lease[] {
    return this.#leases(this.#view.leasesOfNode(id));
  }

  gatewayLease(node: Tables['nodes']['id'], network: Tables['networks']['id']): Lease | undefined {
    return this.#visible('leases', this.#view.gatewayLease(node, network));
  }

  leasesOfTask(id: Task['id']): readonly Lease[] {
    return this.#leases(this.#view.leasesOfTask(id));
  }

  removingNetworks(): readonly Tables['networks'][] {
    return this.#view.removingNetworks().filter((network) => this.#sees('networks', network));
  }

  serviceByName(name: string): Service | undefined {
    return this.#visible('services', this.#view.serviceByName(name));
  }

  nodeByName(name: string): Tables['nodes'] | undefined {
    return this.#view.nodeByName(name);
  }

  networkByName(name: string): Tables['networks'] | undefined {
    return this.#visible('networks', this.#view.networkByName(name));
  }

  volumeByName(name: string): Tables['volumes'] | undefined {
    return this.#visible('volumes', this.#view.volumeByName(name));
  }

  secretByName(name: string): Tables['secrets'] | undefined {
    return this.#visible('secrets', this.#view.secretByName(name));
  }

  configByName(name: string): Tables['configs'] | undefined {
    return this.#visible('configs', this.#view.configByName(name));
  }

  /** The commit with its visible changes only. */
  scope(commit: Commit): Commit {
    return { ...commit, changes: commit.changes.filter((change) => this.#seesChange(change)) };
  }

  /** True for the empty project of shared objects, and for the client's projects. */
  includes(project: string): boolean {
    return this.#projects.has(project);
  }

  #seesChange(change: StoreChange): boolean {
    const object = change.after ?? change.before;
    return object !== undefined && this.#sees(change.table, object);
  }

  #sees<Name extends TableName>(table: Name, object: Tables[Name]): boolean {
    const project = projectsOf[table](object, this.#view);
    return project !== undefined && this.#projects.has(project);
  }

  #visible<Name extends TableName>(
    table: Name,
    object: Tables[Name] | undefined,
  ): Tables[Name] | undefined {
    return object !== undefined && this.#sees(table, object) ? object : undefined;
  }

  #services(services: readonly Service[]): readonly Service[] {
    return services.filter(({ spec }) => this.#projects.has(spec.project));
  }

  #tasks(tasks: readonly Task[]): readonly Task[] {
    return tasks.filter(({ project }) => this.#projects.has(project));
  }

  #leases(leases: readonly Lease[]): readonly Lease[] {
    return leases.filter((lease) => this.#sees('leases', lease));
  }
}
