import { bytesText } from '../../common/base/bytes-text.js';
import type { NodeFilter, Refusal } from './filter.js';
import { reasonOnNodes } from './filter.js';

const memory = reasonOnNodes('insufficient memory');
const cpu = reasonOnNodes('insufficient CPU');

/** Checks reservations only; limits and actual use are ignored. */
export const resourcesFilter: NodeFilter = {
  check({ task }, candidate) {
    const { nanoCpus, memoryBytes } = task.spec.resources.reservations;
    const { freeMemoryBytes, freeNanoCpus } = candidate;
    if (memoryBytes > 0 && freeMemoryBytes < memoryBytes) {
      return lacking(memory, bytesText, { requested: memoryBytes, free: freeMemoryBytes });
    }
    return nanoCpus > 0 && freeNanoCpus < nanoCpus
      ? lacking(cpu, cpusText, { requested: nanoCpus, free: freeNanoCpus })
      : undefined;
  },
};

/** Refusal with the amounts of a resource. Nodes are counted together whatever they have free. */
export function lacking(
  refusal: Refusal,
  text: (amount: number) => string,
  { requested, free }: { readonly requested: number; readonly free: number },
): Refusal {
  return {
    ...refusal,
    amounts: () => ({ requested: `${text(requested)} requested`, free: `${text(free)} free` }),
  };
}

export function cpusText(nanoCpus: number): string {
  const cpus = Math.floor(Math.max(0, nanoCpus) / 1e7) / 100;
  return `${String(cpus)} CPU${cpus === 1 ? '' : 's'}`;
}
