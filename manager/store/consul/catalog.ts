import type {
  Catalog,
  CatalogEntries,
  CatalogNode,
  CatalogOperation,
  CatalogService,
} from '../catalog.js';
import type { ConsulClient } from './client.js';
import { maxOperations } from './client.js';
import { inParallel } from './load.js';

/** In the metadata of every node and service of ours: whose it is. Nothing without it is touched. */
const ownerKey = 'shoal-cluster';
const nodeCheck = 'shoal-node';
const timeoutMs = 5_000;
const atOnce = 4;

interface RawNode {
  readonly Node: string;
  readonly Address: string;
  readonly Meta: Readonly<Record<string, string>> | null;
}

interface RawService {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[] | null;
  readonly Meta: Readonly<Record<string, string>> | null;
}

interface RawCheck {
  readonly CheckID: string;
  readonly Status: string;
  readonly Output: string;
}

/**
 * Nodes of their own in Consul's catalog, named after ours: what is put on the node of a Consul agent, that
 * agent would take away again. Health is what the manager says, in one check per node and service.
 */
export class ConsulCatalog implements Catalog {
  readonly #client: ConsulClient;
  readonly #clusterId: string;

  constructor(client: ConsulClient, clusterId: string) {
    this.#client = client;
    this.#clusterId = clusterId;
  }

  async read(): Promise<CatalogEntries> {
    const all = (await this.#client.call((consul) =>
      consul.catalog.node.list(options),
    )) as unknown as readonly RawNode[];
    const nodes = new Map<string, CatalogNode>();
    const services = new Map<string, CatalogService>();
    const foreign = new Set<string>();
    const ours = all.filter((node) => {
      if (node.Meta?.[ownerKey] === this.#clusterId) return true;
      foreign.add(node.Node);
      return false;
    });
    await inParallel(ours, atOnce, async (raw) => {
      const { node, own, others } = await this.#readNode(raw);
      nodes.set(node.name, node);
      for (const service of own) services.set(service.id, service);
      if (others) foreign.add(node.name);
    });
    return { nodes, services, foreign };
  }

  async apply(operations: readonly CatalogOperation[]): Promise<void> {
    let batch: object[] = [];
    const send = async (): Promise<void> => {
      const body = batch;
      batch = [];
      if (body.length === 0) return;
      await this.#client.call((consul) => consul.transaction.create(body as never, options));
    };
    for (const operation of operations) {
      const wire = this.#wire(operation);
      if (batch.length + wire.length > maxOperations) await send();
      batch.push(...wire);
    }
    await send();
  }

  async #readNode({ Node: name, Address }: RawNode): Promise<{
    readonly node: CatalogNode;
    readonly own: readonly CatalogService[];
    readonly others: boolean;
  }> {
    const [found, checks] = await Promise.all([
      this.#client.call((consul) =>
        consul.catalog.node.services({ node: name, ...shared } as never),
      ) as Promise<{ readonly Services: Readonly<Record<string, RawService>> | null } | null>,
      this.#client.call((consul) =>
        consul.health.node({ node: name, ...shared } as never),
      ) as unknown as Promise<readonly RawCheck[]>,
    ]);
    const byId = new Map(checks.map((check) => [check.CheckID, check]));
    const all = Object.values(found?.Services ?? {});
    const own = all.filter((service) => service.Meta?.[ownerKey] === this.#clusterId);
    const judged = healthOf(byId.get(nodeCheck));
    return {
      node: { name, address: Address, ...judged },
      own: own.map((raw) => serviceOf(name, raw, byId.get(checkId(raw.ID)))),
      others: own.length < all.length,
    };
  }

  #wire(operation: CatalogOperation): readonly object[] {
    switch (operation.kind) {
      case 'put-node': {
        const { name: Node, address: Address, healthy, output } = operation.node;
        const Meta = { [ownerKey]: this.#clusterId, 'external-node': 'true' };
        return [
          { Node: { Verb: 'set', Node: { Node, Address, Meta } } },
          check({ Node, CheckID: nodeCheck, Name: 'shoal hears of it' }, { healthy, output }),
        ];
      }
      case 'put-service': {
        const { id: ID, node: Node, name, address, port, tags, meta } = operation.service;
        const Service = { ID, Service: name, Address: address, Port: port, Tags: tags, Meta: meta };
        return [
          { Service: { Verb: 'set', Node, Service } },
          check({ Node, CheckID: checkId(ID), Name: 'runs', ServiceID: ID }, operation.service),
        ];
      }
      case 'remove-service': {
        const { node: Node, id: ID, name } = operation;
        return [{ Service: { Verb: 'delete', Node, Service: { ID, Service: name } } }];
      }
      case 'remove-node':
        return [{ Node: { Verb: 'delete', Node: { Node: operation.name } } }];
    }
  }
}

/** The library's types do not know its deadlines. */
const shared = { consistent: true, timeout: timeoutMs };
const options = shared as never;

function checkId(serviceId: string): string {
  return `${serviceId}:runs`;
}

function check(
  names: Readonly<Record<string, string>>,
  { healthy, output }: { readonly healthy: boolean; readonly output: string },
): object {
  const Status = healthy ? 'passing' : 'critical';
  return { Check: { Verb: 'set', Check: { ...names, Status, Output: output } } };
}

function healthOf(raw: RawCheck | undefined): {
  readonly healthy: boolean;
  readonly output: string;
} {
  return { healthy: raw?.Status === 'passing', output: raw?.Output ?? '' };
}

function serviceOf(node: string, raw: RawService, judged: RawCheck | undefined): CatalogService {
  return {
    node,
    meta: raw.Meta ?? {},
    ...healthOf(judged),
    id: raw.ID,
    name: raw.Service,
    address: raw.Address,
    port: raw.Port,
    tags: raw.Tags ?? [],
  };
}
