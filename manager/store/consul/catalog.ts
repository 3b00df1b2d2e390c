import {
  array,
  count,
  dictionary,
  object,
  optionalOrNull,
  orElse,
  string,
} from '../../common/base/decode.js';
import type {
  Catalog,
  CatalogEntries,
  CatalogNode,
  CatalogOperation,
  CatalogService,
} from '../catalog.js';
import type { ConsulClient } from './client.js';
import { maxOperations } from './client.js';
import { forEachConcurrent } from './load.js';

/** Metadata key that marks nodes and services as owned by a cluster; others are never modified. */
const ownerKey = 'shoal-cluster';
const nodeCheck = 'shoal-node';
const timeoutMs = 5_000;
const concurrency = 4;

interface RawNode {
  readonly Node: string;
  readonly Address: string;
  readonly Meta: Readonly<Record<string, string>>;
}

interface RawService {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Tags: readonly string[];
  readonly Meta: Readonly<Record<string, string>>;
}

interface RawCheck {
  readonly CheckID: string;
  readonly Status: string;
  readonly Output: string;
}

const meta = orElse(dictionary(string), {});

const rawNodes = array(object<RawNode>({ Node: string, Address: string, Meta: meta }));

const rawService = object<RawService>({
  ID: string,
  Service: string,
  Address: string,
  Port: count,
  Tags: orElse(array(string), []),
  Meta: meta,
});
const nodeServices = optionalOrNull(object({ Services: orElse(dictionary(rawService), {}) }));

const rawChecks = array(object<RawCheck>({ CheckID: string, Status: string, Output: string }));

/**
 * Publishes cluster nodes as external nodes in Consul's catalog: on a Consul agent's own node, the
 * agent's anti-entropy would remove the entries. The manager sets health, with one check per node
 * and service.
 */
export class ConsulCatalog implements Catalog {
  readonly #client: ConsulClient;
  readonly #clusterId: string;

  constructor(client: ConsulClient, clusterId: string) {
    this.#client = client;
    this.#clusterId = clusterId;
  }

  async read(): Promise<CatalogEntries> {
    const all = await this.#client.ask('nodes', rawNodes, (consul) =>
      consul.catalog.node.list(options),
    );
    const nodes = new Map<string, CatalogNode>();
    const services = new Map<string, CatalogService>();
    const foreign = new Set<string>();
    const ours = all.filter((node) => {
      if (node.Meta[ownerKey] === this.#clusterId) return true;
      foreign.add(node.Node);
      return false;
    });
    await forEachConcurrent(ours, concurrency, async (raw) => {
      const { node, own, hasForeign } = await this.#readNode(raw);
      nodes.set(node.name, node);
      for (const service of own) services.set(service.id, service);
      if (hasForeign) foreign.add(node.name);
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
    readonly hasForeign: boolean;
  }> {
    const [found, checks] = await Promise.all([
      this.#client.ask('services of a node', nodeServices, (consul) =>
        consul.catalog.node.services({ node: name, ...shared } as never),
      ),
      this.#client.ask('checks of a node', rawChecks, (consul) =>
        consul.health.node({ node: name, ...shared } as never),
      ),
    ]);
    const byId = new Map(checks.map((check) => [check.CheckID, check]));
    const all = Object.values(found?.Services ?? {});
    const own = all.filter((service) => service.Meta[ownerKey] === this.#clusterId);
    const health = healthOf(byId.get(nodeCheck));
    return {
      node: { name, address: Address, ...health },
      own: own.map((raw) => serviceOf(name, raw, byId.get(checkId(raw.ID)))),
      hasForeign: own.length < all.length,
    };
  }

  #wire(operation: CatalogOperation): readonly object[] {
    switch (operation.kind) {
      case 'put-node': {
        const { name: Node, address: Address, healthy, output } = operation.node;
        const Meta = { [ownerKey]: this.#clusterId, 'external-node': 'true' };
        return [
          { Node: { Verb: 'set', Node: { Node, Address, Meta } } },
          checkOperation(
            { Node, CheckID: nodeCheck, Name: 'node is not down' },
            { healthy, output },
          ),
        ];
      }
      case 'put-service': {
        const { id: ID, node: Node, name, address, port, tags, meta } = operation.service;
        const Service = { ID, Service: name, Address: address, Port: port, Tags: tags, Meta: meta };
        return [
          { Service: { Verb: 'set', Node, Service } },
          checkOperation(
            { Node, CheckID: checkId(ID), Name: 'task is running', ServiceID: ID },
            operation.service,
          ),
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

/** Request options; the library's types lack `timeout`. */
const shared = { consistent: true, timeout: timeoutMs };
const options = shared as never;

function checkId(serviceId: string): string {
  return `${serviceId}:runs`;
}

function checkOperation(
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

function serviceOf(node: string, raw: RawService, check: RawCheck | undefined): CatalogService {
  return {
    node,
    meta: raw.Meta,
    ...healthOf(check),
    id: raw.ID,
    name: raw.Service,
    address: raw.Address,
    port: raw.Port,
    tags: raw.Tags,
  };
}
