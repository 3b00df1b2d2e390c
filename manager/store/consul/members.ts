import type { Leader, ManagerMember, ManagerRegistry } from '../election.js';
import { array, count, dictionary, object, orElse, string } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { ConsulClient } from './client.js';
import { managerService, managerServiceId } from './manager-check.js';

/** One registration in the answer of `health.service`. */
interface Registration {
  readonly Node: { readonly Node: string; readonly Address: string };
  readonly Service: {
    readonly ID: string;
    readonly Address: string;
    readonly Port: number;
    readonly Meta: Readonly<Record<string, string>>;
  };
  readonly Checks: readonly { readonly Status: string; readonly ServiceID: string }[];
}

const registrations = array(
  object<Registration>({
    Node: object({ Node: string, Address: string }),
    Service: object({
      ID: string,
      Address: string,
      Port: count,
      Meta: orElse(dictionary(string), {}),
    }),
    Checks: array(object({ Status: string, ServiceID: string })),
  }),
);

/** The answer of `agent.service.list`: services by id. */
const agentServices = dictionary(object<{ readonly ID: string }>({ ID: string }));

const timeoutMs = 2_000;

/** Manager registry of one cluster, backed by Consul's catalog. */
export class ConsulManagerRegistry implements ManagerRegistry {
  readonly #client: ConsulClient;
  readonly #cluster: { readonly id: string; readonly name: string };

  constructor(client: ConsulClient, cluster: { readonly id: string; readonly name: string }) {
    this.#client = client;
    this.#cluster = cluster;
  }

  /**
   * Sorted by node id. A manager registered at several agents is listed once, alive if alive at
   * any.
   */
  async list(): Promise<readonly ManagerMember[]> {
    const members = new Map<string, ManagerMember>();
    for (const registration of await this.#registrations()) {
      const member = memberOf(registration);
      if (members.get(member.nodeId)?.alive !== true) members.set(member.nodeId, member);
    }
    return [...members.values()].sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1));
  }

  async remove(nodeId: string): Promise<void> {
    const id = managerServiceId(this.#cluster.name, nodeId);
    await this.#removeFromAgent(id);
    for (const { Node, Service } of await this.#registrations()) {
      if (Service.ID !== id) continue;
      await this.#client.call((consul) =>
        consul.catalog.deregister({
          node: Node.Node,
          serviceid: id,
          timeout: timeoutMs,
        } as never),
      );
    }
  }

  /**
   * Removes a service from this client's agent, which would restore the catalog's entry at its next
   * synchronization (Consul documentation, anti-entropy). An agent refuses ids that it does not
   * have.
   */
  async #removeFromAgent(id: string): Promise<void> {
    const services = await this.#client.ask('services of the agent', agentServices, (consul) =>
      consul.agent.service.list({ timeout: timeoutMs } as never),
    );
    if (services[id] === undefined) return;
    await this.#client.call((consul) =>
      consul.agent.service.deregister({ id, timeout: timeoutMs } as never),
    );
  }

  /** Throws `conflict` if a manager with the same id is alive at another address. */
  async assertUniqueId(self: Leader): Promise<void> {
    const other = (await this.list()).find(
      ({ nodeId, address, alive }) => alive && nodeId === self.nodeId && address !== self.address,
    );
    if (other === undefined) return;
    throw new AppError(
      'conflict',
      `manager ${self.nodeId} of cluster ${this.#cluster.name} is already running at ${other.address}; stop it, or provision this machine again to get a new id`,
    );
  }

  async #registrations(): Promise<readonly Registration[]> {
    const found = await this.#client.ask('managers', registrations, (consul) =>
      consul.health.service({
        service: managerService,
        tag: this.#cluster.name,
        consistent: true,
        timeout: timeoutMs,
      } as never),
    );
    return found.filter(({ Service }) => Service.Meta['cluster-id'] === this.#cluster.id);
  }
}

function memberOf({ Node, Service, Checks }: Registration): ManagerMember {
  const host = Service.Address === '' ? Node.Address : Service.Address;
  return {
    nodeId: Service.Meta.node ?? '',
    address: `${host.includes(':') ? `[${host}]` : host}:${String(Service.Port)}`,
    alive: Checks.every(({ Status }) => Status !== 'critical'),
  };
}
