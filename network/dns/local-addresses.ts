import { networkInterfaces } from 'node:os';
import type { Clock } from '../../manager/common/base/clock.js';

/**
 * Refresh interval of the interface list, which limits the cost of queries from unknown addresses.
 */
const refreshMs = 1_000;

/**
 * Returns a check for whether an address belongs to this machine. The list of interfaces is at most
 * one second old.
 */
export function localAddressCheck(
  clock: Pick<Clock, 'elapsed'>,
  list: typeof networkInterfaces = networkInterfaces,
): (address: string) => boolean {
  let addresses: ReadonlySet<string> = new Set();
  let untilMs = -Infinity;
  return (address) => {
    const now = clock.elapsed();
    if (now >= untilMs) {
      const interfaces = Object.values(list()).flatMap((entry) => entry ?? []);
      addresses = new Set(interfaces.map((entry) => entry.address));
      untilMs = now + refreshMs;
    }
    return addresses.has(address);
  };
}
