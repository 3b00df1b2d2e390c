import type { PortSpec } from '../../common/model/service.js';
import type { Task } from '../../common/model/task.js';

/** A host port that a task uses on its node. `hostIp` is empty for all addresses. */
export interface HostPort {
  readonly protocol: PortSpec['protocol'];
  readonly port: number;
  readonly hostIp: string;
}

/** Ports in use on one node: host addresses by `protocol/port`. */
export type UsedPorts = ReadonlyMap<string, readonly string[]>;

const anyAddress = new Set(['', '0.0.0.0', '::', '[::]']);

/** Ports of a task with a fixed host port or range. Empty unless the container is on networks. */
export function wantedPorts(task: Pick<Task, 'spec'>): readonly PortSpec[] {
  if (task.spec.container.networkMode.kind !== 'networks') return [];
  return task.spec.ports.filter((port) => port.published !== undefined);
}

export function hostPortOf(port: PortSpec, published: number): HostPort {
  const hostIp = port.hostIp ?? '';
  return {
    protocol: port.protocol,
    port: published,
    hostIp: anyAddress.has(hostIp) ? '' : hostIp,
  };
}

/** Host ports of a placed task: its ranges are narrowed to the chosen port. */
export function hostPortsOf(task: Pick<Task, 'spec'>): readonly HostPort[] {
  return wantedPorts(task).map((port) => hostPortOf(port, port.published ?? 0));
}

export function isPortFree(port: HostPort, taken: UsedPorts): boolean {
  const addresses = taken.get(keyOf(port));
  if (addresses === undefined) return true;
  return port.hostIp !== '' && !addresses.includes('') && !addresses.includes(port.hostIp);
}

export function markPortUsed(taken: Map<string, readonly string[]>, port: HostPort): void {
  const key = keyOf(port);
  taken.set(key, [...(taken.get(key) ?? []), port.hostIp]);
}

export function releasePort(taken: Map<string, readonly string[]>, port: HostPort): void {
  const key = keyOf(port);
  const addresses = taken.get(key) ?? [];
  const at = addresses.indexOf(port.hostIp);
  if (at < 0) return;
  if (addresses.length === 1) taken.delete(key);
  else taken.set(key, addresses.toSpliced(at, 1));
}

function keyOf(port: HostPort): string {
  return `${port.protocol}/${String(port.port)}`;
}
