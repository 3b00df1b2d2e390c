import { networkInterfaces } from 'node:os';
import type { Clock } from '../../manager/common/base/clock.js';

/** However many strangers ask, the machine's cards are looked at this seldom. */
const keptMs = 1_000;

/** Whether an address is one of this machine, as it was a second ago at the earliest. */
export function ownAddresses(
  clock: Pick<Clock, 'elapsed'>,
  list: typeof networkInterfaces = networkInterfaces,
): (address: string) => boolean {
  let kept: ReadonlySet<string> = new Set();
  let untilMs = -Infinity;
  return (address) => {
    const now = clock.elapsed();
    if (now >= untilMs) {
      const cards = Object.values(list()).flatMap((card) => card ?? []);
      kept = new Set(cards.map((card) => card.address));
      untilMs = now + keptMs;
    }
    return kept.has(address);
  };
}
