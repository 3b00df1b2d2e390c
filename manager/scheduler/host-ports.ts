import type { PortSpec } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';

/** A host port that a task uses on its node. `hostIp` is empty for all addresses. */
export interface HostPort {
  readonly protocol: PortSpec['protocol'];
  readonly port: number;
  readonly hostIp: string;
}

/** Ports in use on one node: host addresses by `protocol/port`. */
export type UsedPorts = Map<string, string[]>;

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

export function markPortUsed(taken: UsedPorts, port: HostPort): void {
  const key = keyOf(port);
  const addresses = taken.get(key);
  if (addresses === undefined) taken.set(key, [port.hostIp]);
  else addresses.push(port.hostIp);
}

export function releasePort(taken: UsedPorts, port: HostPort): void {
  const addresses = taken.get(keyOf(port)) ?? [];
  const at = addresses.indexOf(port.hostIp);
  if (at >= 0) addresses.splice(at, 1);
  if (addresses.length === 0) taken.delete(keyOf(port));
}

export type PortChoice =
  /** `spec`: the task's ports, each range narrowed to the chosen port. */
  | { readonly fits: true; readonly spec: readonly PortSpec[]; readonly ports: readonly HostPort[] }
  | { readonly fits: false; readonly reason: string };

/**
 * Chooses a host port for each published port: the port itself, or the first free one of its range.
 */
export function choosePorts(task: Pick<Task, 'spec'>, taken: UsedPorts): PortChoice {
  if (wantedPorts(task).length === 0) return { fits: true, spec: task.spec.ports, ports: [] };
  const own: UsedPorts = new Map();
  const spec: PortSpec[] = [];
  const ports: HostPort[] = [];
  for (const port of task.spec.ports) {
    if (port.published === undefined) {
      spec.push(port);
      continue;
    }
    const chosen = firstFree(port, taken, own);
    if (chosen === undefined) return { fits: false, reason: describeTaken(port) };
    markPortUsed(own, chosen);
    ports.push(chosen);
    const { publishedEnd: _range, ...rest } = port;
    spec.push({ ...rest, published: chosen.port });
  }
  return { fits: true, spec, ports };
}

function firstFree(port: PortSpec, taken: UsedPorts, own: UsedPorts): HostPort | undefined {
  const first = port.published ?? 0;
  for (let number = first; number <= (port.publishedEnd ?? first); number += 1) {
    const candidate = hostPortOf(port, number);
    if (isFree(candidate, taken) && isFree(candidate, own)) return candidate;
  }
  return undefined;
}

function isFree(port: HostPort, taken: UsedPorts): boolean {
  const addresses = taken.get(keyOf(port));
  if (addresses === undefined) return true;
  return port.hostIp !== '' && !addresses.includes('') && !addresses.includes(port.hostIp);
}

function describeTaken(port: PortSpec): string {
  const first = String(port.published);
  const { publishedEnd: end } = port;
  const range = end === undefined || end === port.published ? first : `${first}-${String(end)}`;
  return `port ${range}/${port.protocol} is already in use`;
}

function keyOf(port: HostPort): string {
  return `${port.protocol}/${String(port.port)}`;
}
