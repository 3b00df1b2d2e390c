import type { PublishedPort, Task } from '../../manager/model/task.js';

/**
 * The address a published port is reached at: the node's own where the engine listens on all of its
 * addresses, because `0.0.0.0` says nothing about which machine to go to.
 */
export function portAddress(port: PublishedPort, nodeAddress: string): string {
  const everywhere = port.hostIp === '' || port.hostIp === '0.0.0.0' || port.hostIp === '::';
  return everywhere && nodeAddress !== '' ? nodeAddress : port.hostIp || '0.0.0.0';
}

function orderedPorts(task: Task): readonly PublishedPort[] {
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

/** Docker's PORTS column: `10.98.0.11:32768->3000/tcp, 6379/tcp`. */
export function portsText(task: Task, nodeAddress: string): string {
  return orderedPorts(task)
    .map(
      (port) =>
        `${hostPort(portAddress(port, nodeAddress), port.published)}->${port.target}/${port.protocol}`,
    )
    .join(', ');
}

export function hostPort(address: string, port: number): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}

/** docker compose's `Publishers`. */
export function publishers(task: Task, nodeAddress: string): readonly object[] {
  return orderedPorts(task).map((port) => ({
    URL: portAddress(port, nodeAddress),
    TargetPort: port.target,
    PublishedPort: port.published,
    Protocol: port.protocol,
  }));
}

/** Where a target port is published; undefined when it is not. */
export function findPublished(
  task: Task,
  target: number,
  protocol: string,
): PublishedPort | undefined {
  return orderedPorts(task).find(
    (port) => port.target === target && port.protocol === protocol && port.published > 0,
  );
}
