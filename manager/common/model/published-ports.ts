import type { PublishedPort, Task } from './task.js';

/**
 * Returns the address to reach a published port at: the node's address if the engine listens on all
 * addresses, since `0.0.0.0` does not name a machine.
 */
export function portAddress(port: PublishedPort, nodeAddress: string): string {
  const isWildcard = isWildcardAddress(port.hostIp);
  return isWildcard && nodeAddress !== '' ? nodeAddress : port.hostIp || '0.0.0.0';
}

/** Whether a host IP means all addresses of a machine. */
export function isWildcardAddress(hostIp: string): boolean {
  return hostIp === '' || hostIp === '0.0.0.0' || hostIp === '::';
}

/** Published ports of a task without duplicates, ordered by target port. */
export function orderedPorts(task: Task): readonly PublishedPort[] {
  const ports = task.status.ports ?? [];
  // The engine lists IPv4 and IPv6 separately; both are one port of the node's address.
  const seen = new Map(
    ports.map((port) => [`${port.target}/${port.protocol}/${port.published}`, port]),
  );
  return [...seen.values()].sort(
    (a, b) =>
      a.target - b.target ||
      a.published - b.published ||
      a.protocol.localeCompare(b.protocol, 'en'),
  );
}
