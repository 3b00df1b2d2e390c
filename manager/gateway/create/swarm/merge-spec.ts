import { isFields } from '../../../common/base/decode.js';
import { hashOf } from '../../../common/base/canonical.js';
import type { ServiceSpec } from '../../../common/model/service.js';

/**
 * The stored spec with the changes of an update. `shown` is the stored spec after a translation to
 * Swarm mode's format and back, `wanted` the update's: a field that is the same in both keeps its
 * stored value, also where that format cannot express it.
 */
export function mergeSpec(
  stored: ServiceSpec,
  shown: ServiceSpec,
  wanted: ServiceSpec,
): ServiceSpec {
  return merge(stored, shown, wanted) as ServiceSpec;
}

function merge(stored: unknown, shown: unknown, wanted: unknown): unknown {
  if (isSame(shown, wanted)) return stored;
  if (Array.isArray(stored) && Array.isArray(shown) && Array.isArray(wanted)) {
    return mergeLists(stored, shown, wanted);
  }
  if (!isFields(stored) || !isFields(shown) || !isFields(wanted)) return wanted;
  if (stored.kind !== wanted.kind || stored.type !== wanted.type) return wanted;
  const keys = new Set([...Object.keys(stored), ...Object.keys(wanted)]);
  return Object.fromEntries(
    [...keys].flatMap((key) => {
      const value = merge(stored[key], shown[key], wanted[key]);
      return value === undefined ? [] : [[key, value]];
    }),
  );
}

/** Keeps the stored items whose counterparts are still wanted. */
function mergeLists(
  stored: readonly unknown[],
  shown: readonly unknown[],
  wanted: readonly unknown[],
): readonly unknown[] {
  if (stored.length !== shown.length) return wanted;
  const kept = new Map(shown.map((item, at) => [hashOfValue(item), stored[at]]));
  return wanted.map((item) => {
    const hash = hashOfValue(item);
    return kept.has(hash) ? kept.get(hash) : item;
  });
}

function isSame(a: unknown, b: unknown): boolean {
  return hashOfValue(a) === hashOfValue(b);
}

function hashOfValue(value: unknown): string {
  return hashOf({ value: value ?? null });
}
