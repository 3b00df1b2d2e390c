import type { UlimitRange } from '../model.js';
import { isMap } from '../yaml/tree.js';
import type { MappingReader } from './reader.js';

/** Reads limits by name; a single 0 becomes a range, as in docker compose. */
export function readUlimits(
  reader: MappingReader,
): Record<string, number | UlimitRange> | undefined {
  const map = reader.raw('ulimits');
  return reader.byName('ulimits', (limit, name) => {
    const value = isMap(map) ? map[name] : undefined;
    if (isMap(value)) {
      return { soft: limit.integer('soft', 'keep') ?? 0, hard: limit.integer('hard', 'keep') ?? 0 };
    }
    const single = reader.child('ulimits').integer(name, 'keep') ?? 0;
    return single === 0 ? { soft: 0, hard: 0 } : single;
  });
}
