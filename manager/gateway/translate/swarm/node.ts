import type { Node } from '../../../common/model/node.js';
import type { QueryFilters } from '../../filters.js';
import { hasLabels, matchesFilter } from '../../filters.js';
import { compact, objectFields } from './object.js';

/** Names of architectures as Swarm mode's nodes report them, by Docker's. */
const machineNames: Readonly<Record<string, string>> = { amd64: 'x86_64', arm64: 'aarch64' };

/** Port of the managers. */
export const managerApiPort = 7070;

export function toSwarmNode(node: Node, leaderId: string): object {
  const { spec, description, status } = node;
  return {
    ...objectFields(node),
    Spec: {
      Name: spec.name,
      Labels: spec.labels,
      Role: spec.role,
      Availability: spec.availability,
    },
    Description: {
      Hostname: description.hostname,
      Platform: {
        Architecture: machineNames[description.arch] ?? description.arch,
        OS: description.os,
      },
      Resources: { NanoCPUs: description.nanoCpus, MemoryBytes: description.memoryBytes },
      Engine: {
        EngineVersion: description.engineVersion,
        Labels: description.engineLabels,
        Plugins: description.plugins.map(toPlugin),
      },
    },
    Status: compact({ State: status.state, Message: status.message, Addr: description.address }),
    ...(spec.role === 'manager' ? { ManagerStatus: managerStatus(node, leaderId) } : {}),
  };
}

/** A plugin from its kind and name, `network/overlay`. */
function toPlugin(text: string): object {
  const at = text.indexOf('/');
  const kind = text.slice(0, at);
  return { Type: `${kind.slice(0, 1).toUpperCase()}${kind.slice(1)}`, Name: text.slice(at + 1) };
}

function managerStatus({ id, description, status }: Node, leaderId: string): object {
  return compact({
    Leader: id === leaderId,
    Reachability: status.state === 'down' ? 'unreachable' : 'reachable',
    Addr: `${description.address}:${String(managerApiPort)}`,
  });
}

export const nodeFilters = ['id', 'label', 'membership', 'name', 'node.label', 'role'];

export function matchesNode(node: Node, filters: QueryFilters): boolean {
  const { spec, description, id } = node;
  const nodeLabels = new Map([['label', filters.get('node.label') ?? []]]);
  return (
    matchesFilter(filters, 'id', (value) => id.startsWith(value)) &&
    matchesFilter(filters, 'name', (value) =>
      [spec.name, description.hostname].some((name) => name.startsWith(value)),
    ) &&
    matchesFilter(filters, 'role', (value) => spec.role === value) &&
    matchesFilter(filters, 'membership', (value) => value === 'accepted') &&
    hasLabels(filters, description.engineLabels) &&
    hasLabels(nodeLabels, spec.labels)
  );
}
