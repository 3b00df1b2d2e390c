import type { NetworkId, TaskId } from '../../manager/common/model/ids.js';
import type {
  Endpoint,
  NetworkOnNode,
  NameView,
  ProjectNames,
} from '../../manager/common/model/network-view.js';
import type { Cidr } from '../../manager/common/address/cidr.js';
import { contains, parseCidr } from '../../manager/common/address/cidr.js';
import { tryParseIp } from '../../manager/common/address/ip.js';

/** The origin of a query, which decides which names are visible. */
export interface QueryScope {
  readonly networkIds: readonly NetworkId[];
  /** The client's project, whose names take precedence; empty if unknown. */
  readonly project: string;
  /** True if one of the client's networks is not internal: only then names leave the cluster. */
  readonly external: boolean;
}

/** Names of one network: lower-case name → its endpoints, up or down. */
type Names = ReadonlyMap<string, readonly Endpoint[]>;

/** The container name of an endpoint, as shown by `ps`. */
export function containerNameOf(endpoint: Endpoint): string {
  const regular = `${endpoint.project}-${serviceKey(endpoint)}-${String(endpoint.slot)}`;
  return endpoint.aliases.includes(regular) ? regular : (endpoint.aliases[0] ?? regular);
}

/**
 * Service names are unique per cluster as `<project>_<service>`; within a project the short name
 * applies.
 */
function serviceKey({ project, service }: Pick<Endpoint, 'project' | 'service'>): string {
  const prefix = `${project}_`;
  return project !== '' && service.startsWith(prefix) ? service.slice(prefix.length) : service;
}

/** All names of an endpoint on its network, in lower case. */
export function namesOf(
  endpoint: Pick<Endpoint, 'project' | 'service' | 'slot' | 'aliases'>,
): ReadonlySet<string> {
  const { project, service, slot, aliases } = endpoint;
  const key = serviceKey(endpoint);
  const names = [
    key,
    service,
    `tasks.${key}`,
    `tasks.${service}`,
    `${key}.${project}`,
    `tasks.${key}.${project}`,
    `${project}-${key}-${String(slot)}`,
    ...aliases,
  ];
  return new Set(names.map((name) => name.toLowerCase()));
}

/** The names that the tasks of a project's services have or would have. */
class DeclaredNames {
  readonly #names = new Set<string>();
  /** Container names without their slot numbers. */
  readonly #containers = new Set<string>();

  constructor({ project, services }: ProjectNames) {
    for (const { name: service, aliases } of services) {
      const slot = 1;
      for (const name of namesOf({ project, service, slot, aliases })) this.#names.add(name);
      this.#containers.add(`${project}-${serviceKey({ project, service })}`.toLowerCase());
    }
  }

  has(name: string): boolean {
    const container = /^(.+)-\d+$/u.exec(name)?.[1];
    return this.#names.has(name) || (container !== undefined && this.#containers.has(container));
  }
}

/** Index of all names of a network view. Built once per view, so that queries are plain lookups. */
export class NameIndex {
  readonly #networks = new Map<
    string,
    { readonly network: NetworkOnNode; readonly subnet: Cidr }
  >();
  readonly #names = new Map<string, Names>();
  readonly #byAddress = new Map<string, Endpoint[]>();
  /** Names of each project's services, with or without tasks. */
  readonly #declared: ReadonlyMap<string, DeclaredNames>;
  readonly #byTask = new Map<TaskId, Endpoint[]>();

  constructor(view: NameView) {
    this.#declared = new Map(
      view.projects.map((names) => [names.project, new DeclaredNames(names)] as const),
    );
    for (const network of view.networks)
      this.#networks.set(network.id, { network, subnet: parseCidr(network.subnet) });
    const names = new Map<string, Map<string, Endpoint[]>>();
    for (const endpoint of view.endpoints) {
      push(this.#byAddress, endpoint.address, endpoint);
      push(this.#byTask, endpoint.taskId, endpoint);
      let ofNetwork = names.get(endpoint.networkId);
      if (ofNetwork === undefined)
        names.set(endpoint.networkId, (ofNetwork = new Map<string, Endpoint[]>()));
      for (const name of namesOf(endpoint)) push(ofNetwork, name, endpoint);
    }
    for (const [id, ofNetwork] of names) this.#names.set(id, ofNetwork);
  }

  /**
   * Scope of a query that arrived at the gateway address of `listening`. A container on several
   * networks sees the names of all of them. An unassigned address (a container outside the cluster)
   * sees the names of the network it used. Undefined for an address outside that network's subnet:
   * the query is not answered.
   */
  scopeOf(address: string, listening: NetworkId): QueryScope | undefined {
    const ip = tryParseIp(address);
    const entry = this.#networks.get(listening);
    if (ip === undefined || entry === undefined || !contains(entry.subnet, ip)) return undefined;
    const asker = this.#byAddress.get(address)?.find(({ networkId }) => networkId === listening);
    const { network } = entry;
    if (asker === undefined) return scopeOfNetwork(network, !network.internal);
    const networkIds = (this.#byTask.get(asker.taskId) ?? []).map(({ networkId }) => networkId);
    return {
      networkIds: [...new Set(networkIds)].sort(),
      project: asker.project,
      external: networkIds.some((id) => this.#networks.get(id)?.network.internal === false),
    };
  }

  /**
   * Scope of the host itself when it queries the gateway of a network: the names of that network,
   * and those outside the cluster.
   */
  scopeOfHost(listening: NetworkId): QueryScope | undefined {
    const entry = this.#networks.get(listening);
    return entry && scopeOfNetwork(entry.network, true);
  }

  /**
   * Endpoints with a name (lower case), up or down; undefined if the cluster has no such name. The
   * client's project has the names of all its services, also of those without tasks and on other
   * networks. On a shared network, a service of the client's own project hides services of the same
   * name in other projects.
   */
  find(name: string, scope: QueryScope): readonly Endpoint[] | undefined {
    const found = scope.networkIds.flatMap((id) => this.#names.get(id)?.get(name) ?? []);
    if (found.length === 0) {
      return this.#declared.get(scope.project)?.has(name) === true ? [] : undefined;
    }
    const own = found.filter(({ project }) => project === scope.project);
    return own.length > 0 ? own : found;
  }

  /** The endpoint with this address on a network of the scope. */
  holderOf(address: string, scope: QueryScope): Endpoint | undefined {
    return this.#byAddress
      .get(address)
      ?.find(({ networkId }) => scope.networkIds.includes(networkId));
  }

  /** True if the address is in the subnet of a network of the scope, assigned or not. */
  covers(ip: number, scope: QueryScope): boolean {
    return scope.networkIds.some((id) => {
      const entry = this.#networks.get(id);
      return entry !== undefined && contains(entry.subnet, ip);
    });
  }
}

function scopeOfNetwork({ id, project }: NetworkOnNode, external: boolean): QueryScope {
  return { networkIds: [id], project, external };
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
