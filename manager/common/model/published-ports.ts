import type { PublishedPort, Task } from './task.js';

/**
 * The address a published port is reached at: the node's own where the engine listens on all of its
 * addresses, because `0.0.0.0` says nothing about which machine to go to.
 */
export function portAddress(port: PublishedPort, nodeAddress: string): string {
  const isEvery = isEverywhere(port.hostIp);
  return isEvery && nodeAddress !== '' ? nodeAddress : port.hostIp || '0.0.0.0';
}

/** All addresses of a machine. */
export function isEverywhere(hostIp: string): boolean {
  return hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::';
}

/** In the order of their targets; one of each. */
export function orderedPorts(task: Task): readonly PublishedPort[] {
  const ports = task.status.ports ?? [];
  // The engine lists IPv4 and IPv6 apart; behind the node's address they are one.
  const seen = new Map(
    ports.map((port) => [`${port.target}/${port.protocol}/${port.published}`, port]),
  );
  return [...seen.values()].sort(
    (a, b) =>
      a.target - b.target || a.published - b.published || (a.protocol < b.protocol ? -1 : 1),
  );
}
