import type { NetworkId, TaskId } from '../../manager/common/model/ids.js';
import type {
  Endpoint,
  NetworkOnNode,
  NetworkView,
} from '../../manager/common/model/network-view.js';
import type { Cidr } from '../../manager/common/address/cidr.js';
import { contains, parseCidr } from '../../manager/common/address/cidr.js';
import { tryParseIp } from '../../manager/common/address/ip.js';

/** From where somebody asks: decides which names there are. */
export interface Scope {
  readonly networkIds: readonly NetworkId[];
  /** Its own project, whose names come first; empty when unknown. */
  readonly project: string;
}

/** One network's names: lower case → endpoints that bear it, up or not. */
type Names = ReadonlyMap<string, readonly Endpoint[]>;

/** The name of an endpoint's container, as `ps` shows it. */
export function containerNameOf(endpoint: Endpoint): string {
  const regular = `${endpoint.project}-${serviceKey(endpoint)}-${String(endpoint.slot)}`;
  return endpoint.aliases.includes(regular) ? regular : (endpoint.aliases[0] ?? regular);
}

/** Services are unique per cluster as `<project>_<service>`; people call them by the second half. */
function serviceKey({ project, service }: Endpoint): string {
  const prefix = `${project}_`;
  return project !== '' && service.startsWith(prefix) ? service.slice(prefix.length) : service;
}

/** Every name an endpoint answers to on its network, in lower case. */
export function namesOf(endpoint: Endpoint): ReadonlySet<string> {
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

/** All names of a view. Built once per view; questions are look-ups. */
export class NameIndex {
  readonly #networks = new Map<
    string,
    { readonly network: NetworkOnNode; readonly subnet: Cidr }
  >();
  readonly #names = new Map<string, Names>();
  readonly #byAddress = new Map<string, Endpoint[]>();
  readonly #byTask = new Map<TaskId, Endpoint[]>();

  constructor(view: NetworkView) {
    for (const network of view.networks)
      this.#networks.set(network.id, { network, subnet: parseCidr(network.subnet) });
    const names = new Map<string, Map<string, Endpoint[]>>();
    for (const endpoint of view.endpoints) {
      push(this.#byAddress, endpoint.address, endpoint);
      push(this.#byTask, endpoint.taskId, endpoint);
      let own = names.get(endpoint.networkId);
      if (own === undefined) names.set(endpoint.networkId, (own = new Map<string, Endpoint[]>()));
      for (const name of namesOf(endpoint)) push(own, name, endpoint);
    }
    for (const [id, own] of names) this.#names.set(id, own);
  }

  /**
   * Scope of a packet that came to `listening`'s gateway. A container on several networks sees the names
   * of all of them; an address nobody has (a container not of ours) those of the network it came by; one
   * from outside that network none: undefined, and no answer is due.
   */
  scopeOf(address: string, listening: NetworkId): Scope | undefined {
    const ip = tryParseIp(address);
    const entry = this.#networks.get(listening);
    if (ip === undefined || entry === undefined || !contains(entry.subnet, ip)) return undefined;
    const asker = this.#byAddress.get(address)?.find(({ networkId }) => networkId === listening);
    if (asker === undefined) return this.scopeOfMachine(listening);
    const networkIds = (this.#byTask.get(asker.taskId) ?? []).map(({ networkId }) => networkId);
    return { networkIds: [...new Set(networkIds)].sort(), project: asker.project };
  }

  /** Scope of the machine itself asking at that network's gateway: the network's names. */
  scopeOfMachine(listening: NetworkId): Scope | undefined {
    const entry = this.#networks.get(listening);
    return entry && { networkIds: [listening], project: entry.network.project };
  }

  /**
   * Endpoints that bear a name (lower case), up or not; undefined when the name is none of ours. The
   * asker's own project hides a same-named service of another project on a shared network.
   */
  find(name: string, scope: Scope): readonly Endpoint[] | undefined {
    const found = scope.networkIds.flatMap((id) => this.#names.get(id)?.get(name) ?? []);
    if (found.length === 0) return undefined;
    const own = found.filter(({ project }) => project === scope.project);
    return own.length > 0 ? own : found;
  }

  /** The endpoint with that address on one of the scope's networks. */
  holderOf(address: string, scope: Scope): Endpoint | undefined {
    return this.#byAddress
      .get(address)
      ?.find(({ networkId }) => scope.networkIds.includes(networkId));
  }

  /** Whether an address belongs to one of the scope's networks, held or not. */
  covers(ip: number, scope: Scope): boolean {
    return scope.networkIds.some((id) => {
      const entry = this.#networks.get(id);
      return entry !== undefined && contains(entry.subnet, ip);
    });
  }
}

function push<K, V>(map: Map<K, V[]>, key: K, value: V): void {
  const list = map.get(key);
  if (list) list.push(value);
  else map.set(key, [value]);
}
