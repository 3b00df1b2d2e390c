import { orderedPorts, portAddress } from '../../manager/common/model/published-ports.js';
import type { PublishedPort, Task } from '../../manager/common/model/task.js';

/** Formats ports as docker's PORTS column: `10.98.0.11:32768->3000/tcp, 6379/tcp`. */
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

/** Returns the ports as docker compose's `Publishers` in `ps --format json`. */
export function publishers(task: Task, nodeAddress: string): readonly object[] {
  return orderedPorts(task).map((port) => ({
    URL: portAddress(port, nodeAddress),
    TargetPort: port.target,
    PublishedPort: port.published,
    Protocol: port.protocol,
  }));
}

/** Returns the publication of a target port; undefined if the port is not published. */
export function findPublished(
  task: Task,
  target: number,
  protocol: string,
): PublishedPort | undefined {
  return orderedPorts(task).find(
    (port) => port.target === target && port.protocol === protocol && port.published > 0,
  );
}
