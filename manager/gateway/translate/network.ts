import type { Network } from '../../common/model/network.js';
import type { PlacedContainer } from '../find-container.js';
import type { QueryFilters } from '../filters.js';
import { matchesFilter, flagFilter, hasLabels, matchesName } from '../filters.js';
import { withStack } from './swarm/object.js';
import type { Labels } from '../../common/model/meta.js';

export const networkFilters = [...['dangling', 'driver', 'id', 'label', 'name', 'scope', 'type']];

/** The labels that the network's bridge has on each node. */
export function labelsOfNetwork({ spec }: Network): Labels {
  if (spec.project === '') return spec.labels;
  return {
    'com.docker.compose.project': spec.project,
    'com.docker.compose.network': spec.key,
    ...spec.labels,
  };
}

/** Converts an overlay network; `containers` are all its containers, on any node. */
export function toNetwork(network: Network, containers: readonly PlacedContainer[]): object {
  const { spec, subnet } = network;
  return {
    Name: spec.name,
    Id: network.id,
    Created: new Date(network.createdAt).toISOString(),
    Scope: 'swarm',
    Driver: 'overlay',
    EnableIPv4: true,
    EnableIPv6: false,
    IPAM: { Driver: 'default', Options: null, Config: subnet === '' ? [] : [poolOf(network)] },
    Internal: spec.internal,
    Attachable: spec.attachable,
    Ingress: false,
    ConfigFrom: { Network: '' },
    ConfigOnly: false,
    Containers: Object.fromEntries(containers.flatMap((item) => endpointIn(network, item))),
    Options: { 'com.docker.network.driver.overlay.vxlanid_list': String(network.vni) },
    Labels: withStack(spec.project, labelsOfNetwork(network)),
  };
}

function poolOf({ spec, subnet }: Network): object {
  return {
    Subnet: subnet,
    ...(spec.ipRange === undefined ? {} : { IPRange: spec.ipRange }),
    ...(spec.gateway === undefined ? {} : { Gateway: spec.gateway }),
  };
}

function endpointIn(
  network: Network,
  { task, containerId, node }: PlacedContainer,
): readonly (readonly [string, object])[] {
  const length = network.subnet.split('/')[1] ?? '';
  return task.attachments
    .filter(({ networkId }) => networkId === network.id)
    .map(({ address, mac }) => [
      containerId,
      {
        Name: task.containerName,
        EndpointID: '',
        MacAddress: mac,
        IPv4Address: `${address}/${length}`,
        IPv6Address: '',
        Node: node.spec.name,
      },
    ]);
}

export function matchesNetwork(network: Network, filters: QueryFilters, isUsed: boolean): boolean {
  const dangling = flagFilter(filters, 'dangling');
  return (
    matchesFilter(filters, 'name', (value) => matchesName(network.spec.name, value)) &&
    matchesFilter(filters, 'id', (value) => matchesName(network.id, value)) &&
    matchesFilter(filters, 'driver', (value) => value === 'overlay') &&
    matchesFilter(filters, 'scope', (value) => value === 'swarm' || value === 'global') &&
    matchesFilter(filters, 'type', (value) => value === 'custom') &&
    (dangling === undefined || dangling === !isUsed) &&
    hasLabels(filters, withStack(network.spec.project, labelsOfNetwork(network)))
  );
}
