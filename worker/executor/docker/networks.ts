import {
  array,
  boolean,
  dictionary,
  nonEmptyString,
  object,
  optionalOrNull,
  orElse,
  string,
} from '../../../manager/common/base/decode.js';
import { AppError, isNotFound } from '../../../manager/common/base/errors.js';
import type { NetworkId } from '../../../manager/common/model/ids.js';
import type { NetworkOnNode } from '../../../manager/common/model/network-view.js';
import type {
  BridgeNetworks,
  ObservedBridgeNetwork,
} from '../../../network/plan/bridge-networks.js';
import type { ContainerCache } from '../executor.js';
import { decoded, type EngineClient } from './client.js';
import { disconnectNetwork } from './containers.js';
import { clusterLabel, networkLabel } from '../../../manager/common/model/container-labels.js';

const bridgeNameOption = 'com.docker.network.bridge.name';
const mtuOption = 'com.docker.network.driver.mtu';

/** The fields of `GET /networks` that are used here. */
export interface ListedNetwork {
  readonly Id: string;
  readonly Name: string;
  readonly Internal?: boolean;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly Options?: Readonly<Record<string, string>> | null;
  readonly IPAM?: {
    readonly Config?: readonly { readonly Subnet?: string; readonly Gateway?: string }[] | null;
  };
}

interface ListedRange {
  readonly Subnet?: string;
  readonly Gateway?: string;
}

const listedNetwork = object<ListedNetwork>({
  Id: nonEmptyString,
  Name: string,
  Internal: optionalOrNull(boolean),
  Labels: optionalOrNull(dictionary(string)),
  Options: optionalOrNull(dictionary(string)),
  IPAM: optionalOrNull(
    object<NonNullable<ListedNetwork['IPAM']>>({
      Config: optionalOrNull(
        array(
          object<ListedRange>({
            Subnet: optionalOrNull(string),
            Gateway: optionalOrNull(string),
          }),
        ),
      ),
    }),
  ),
});

/** Converts a listed network; undefined if it is not labelled as a Shoal network. */
export function toObservedNetwork(
  listed: ListedNetwork,
): Omit<ObservedBridgeNetwork, 'containers'> | undefined {
  const networkId = listed.Labels?.[networkLabel];
  if (networkId === undefined) return undefined;
  const range = listed.IPAM?.Config?.[0];
  return {
    networkId: networkId as NetworkId,
    engineId: listed.Id,
    name: listed.Name,
    // The engine's default name for the bridge.
    bridge: listed.Options?.[bridgeNameOption] ?? `br-${listed.Id.slice(0, 12)}`,
    subnet: range?.Subnet ?? '',
    gateway: range?.Gateway ?? '',
    // Text that is no number differs from every wanted MTU.
    mtu: Number(listed.Options?.[mtuOption] ?? 0) || 0,
    internal: listed.Internal ?? false,
  };
}

/** The engine networks of the cluster's networks. */
export class EngineNetworks implements BridgeNetworks {
  readonly #client: EngineClient;
  readonly #clusterId: string;
  readonly #containers: ContainerCache;

  constructor(client: EngineClient, clusterId: string, containers: ContainerCache) {
    this.#client = client;
    this.#clusterId = clusterId;
    this.#containers = containers;
  }

  async list(signal: AbortSignal): Promise<readonly ObservedBridgeNetwork[]> {
    const filters = JSON.stringify({ label: [`${clusterLabel}=${this.#clusterId}`] });
    const listed = await this.#client.call(
      'list networks',
      decoded(array(listedNetwork), (docker) => docker.listNetworks({ filters })),
      signal,
      15_000,
    );
    return listed.flatMap((network) => {
      const seen = toObservedNetwork(network);
      return seen === undefined ? [] : [{ ...seen, containers: this.#attached(seen.name) }];
    });
  }

  #attached(name: string): readonly string[] {
    return [...this.#containers.all()]
      .filter((container) => name in container.addresses)
      .map((container) => container.id);
  }

  async create(
    network: NetworkOnNode,
    bridge: string,
    mtu: number,
    signal: AbortSignal,
  ): Promise<void> {
    const options: Record<string, string> = { [mtuOption]: String(mtu) };
    if (bridge !== '') options[bridgeNameOption] = bridge;
    await this.#create(network, options, signal);
  }

  async #create(
    network: NetworkOnNode,
    options: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const operation = `create network ${network.name}`;
    try {
      await this.#client.call(
        operation,
        (docker, abortSignal) =>
          docker.createNetwork({
            Name: network.name,
            CheckDuplicate: true,
            Driver: 'bridge',
            Internal: network.internal,
            Attachable: true,
            IPAM: {
              Driver: 'default',
              Config: [{ Subnet: network.subnet, Gateway: network.gateway }],
            },
            Options: { ...options },
            Labels: {
              'com.docker.compose.project': network.project,
              'com.docker.compose.network': network.key,
              ...network.labels,
              [clusterLabel]: this.#clusterId,
              [networkLabel]: network.id,
            },
            abortSignal,
          }),
        signal,
        30_000,
      );
    } catch (error) {
      // Engines before 25 report overlapping subnets and bridge name conflicts as 403 or 500.
      if (
        error instanceof AppError &&
        /overlap|already exists|in use|conflicts/iu.test(error.message)
      ) {
        throw new AppError('conflict', error.message, { cause: error });
      }
      throw error;
    }
  }

  async remove(networkId: NetworkId, signal: AbortSignal): Promise<void> {
    const present = (await this.list(signal)).filter((network) => network.networkId === networkId);
    for (const network of present) await this.#remove(network, signal);
  }

  async #remove(network: ObservedBridgeNetwork, signal: AbortSignal): Promise<void> {
    try {
      await this.#client.call(
        `remove network ${network.name}`,
        (docker, abortSignal) =>
          docker.getNetwork(network.engineId).remove({ abortSignal }) as Promise<unknown>,
        signal,
        30_000,
      );
    } catch (error) {
      if (isNotFound(error)) return;
      const attached = error instanceof AppError && error.message.includes('active endpoints');
      if (!attached) throw error;
      const problem = await this.#freeOrphans(network, signal);
      throw new AppError('conflict', `network ${network.name}: ${problem}`, { cause: error });
    }
  }

  /**
   * Frees orphaned endpoints. Engines up to at least 20.10 may leak the endpoint of a container
   * removed under load, and the network then counts as in use forever. A forced disconnect by the
   * endpoint's name frees it; an endpoint without a name ends only with the engine's process.
   * Returns why the network cannot be removed yet, and the remedy.
   */
  async #freeOrphans(network: ObservedBridgeNetwork, signal: AbortSignal): Promise<string> {
    const operation = `free network ${network.name}`;
    const inspectNetwork = decoded(
      inspectedNetwork,
      (docker) => docker.getNetwork(network.engineId).inspect() as Promise<unknown>,
    );
    const listNames = decoded(array(namedContainer), (docker, abortSignal) =>
      docker.listContainers({ all: true, abortSignal }),
    );
    const [inspected, containers] = await this.#client.call(
      operation,
      (docker, abortSignal) =>
        Promise.all([inspectNetwork(docker, abortSignal), listNames(docker, abortSignal)]),
      signal,
    );
    const known = new Set(
      containers.flatMap(({ Id, Names }) => [Id, ...Names.map((name) => name.slice(1))]),
    );
    const orphans = orphanedEndpoints(inspected, known);
    for (const name of orphans) {
      await disconnectNetwork(this.#client, name, network.engineId, signal);
    }
    return removalProblem(inspected, orphans);
  }
}

/** The fields of `GET /networks/{id}` that are used here; a container id may be stale. */
interface InspectedNetwork {
  readonly Containers?: Readonly<Record<string, { readonly Name: string }>> | null;
}

const inspectedNetwork = object<InspectedNetwork>({
  Containers: optionalOrNull(dictionary(object<{ readonly Name: string }>({ Name: string }))),
});

interface NamedContainer {
  readonly Id: string;
  readonly Names: readonly string[];
}

const namedContainer = object<NamedContainer>({
  Id: nonEmptyString,
  Names: orElse(array(string), []),
});

/** Why the engine refuses to remove a network, with the remedy in case that it lasts. */
export function removalProblem(network: InspectedNetwork, orphans: readonly string[]): string {
  const attached = Object.values(network.Containers ?? {})
    .map(({ Name }) => Name)
    .filter((name) => !orphans.includes(name))
    .sort();
  if (attached.length > 0) {
    return `containers are attached: ${attached.join(', ')}; disconnect them with "docker network disconnect"`;
  }
  if (orphans.length > 0)
    return `endpoints of removed containers were freed: ${orphans.join(', ')}`;
  return 'the engine keeps endpoints of removed containers; restart it with "systemctl restart docker"';
}

/** Names of endpoints whose container is not in `known`, by id or by name. */
export function orphanedEndpoints(
  network: InspectedNetwork,
  known: ReadonlySet<string>,
): readonly string[] {
  return Object.entries(network.Containers ?? {})
    .filter(([id, { Name }]) => !known.has(id) && !known.has(Name))
    .map(([, { Name }]) => Name);
}
