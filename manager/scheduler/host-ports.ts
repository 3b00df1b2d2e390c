import type { PortSpec } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import type { HostPort, UsedPorts } from '../store/indexes/used-ports.js';
import { hostPortOf, isPortFree, markPortUsed, wantedPorts } from '../store/indexes/used-ports.js';

export type PortChoice =
  /** `spec`: the task's ports, each range narrowed to the chosen port. */
  | { readonly fits: true; readonly spec: readonly PortSpec[]; readonly ports: readonly HostPort[] }
  | { readonly fits: false; readonly reason: string };

/**
 * Chooses a host port for each published port: the port itself, or the first free one of its range.
 */
export function choosePorts(task: Pick<Task, 'spec'>, taken: UsedPorts): PortChoice {
  if (wantedPorts(task).length === 0) return { fits: true, spec: task.spec.ports, ports: [] };
  const own = new Map<string, readonly string[]>();
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
    if (isPortFree(candidate, taken) && isPortFree(candidate, own)) return candidate;
  }
  return undefined;
}

function describeTaken(port: PortSpec): string {
  const first = String(port.published);
  const { publishedEnd: end } = port;
  const range = end === undefined || end === port.published ? first : `${first}-${String(end)}`;
  return `port ${range}/${port.protocol} is already in use`;
}
