import { below, pick } from './mutate.js';

/** Values that code which expects another one may mishandle. */
const odd: readonly [() => unknown, ...(() => unknown)[]] = [
  () => null,
  () => 5,
  () => -1,
  () => 1e308,
  () => '',
  () => 'constructor',
  () => '\u0000\u001b[2J\u009b',
  () => 'x'.repeat(70_000),
  () => [],
  () => ({}),
  () => true,
  () => [null],
  () => [[[[[[[[]]]]]]]],
  () => ({ __proto__: null, toString: 1, length: -1 }),
  () => Array.from({ length: 300 }, (_, at) => at),
];

/** A copy of a JSON value in which one to three parts are replaced, removed, doubled or added. */
export function mutateJson(random: () => number, value: unknown): unknown {
  let changed = value;
  for (let left = 1 + below(random, 3); left > 0; left -= 1) changed = change(random, changed);
  return changed;
}

/** Changes the value itself or, more often, one below it. */
function change(random: () => number, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || random() < 0.08) return pick(random, odd)();
  if (Array.isArray(value)) return changeList(random, value);
  const entries = Object.entries(value);
  if (entries.length === 0 || random() < 0.05) {
    return { ...value, [`k${String(below(random, 9))}`]: pick(random, odd)() };
  }
  const at = below(random, entries.length);
  if (random() < 0.1) return Object.fromEntries(entries.filter((_, each) => each !== at));
  return Object.fromEntries(
    entries.map(([key, part], each) => [key, each === at ? change(random, part) : part]),
  );
}

function changeList(random: () => number, list: readonly unknown[]): readonly unknown[] {
  const at = below(random, list.length);
  if (list.length === 0 || random() < 0.1) return [...list, pick(random, odd)()];
  if (random() < 0.1) return list.filter((_, each) => each !== at);
  if (random() < 0.1) return [...list, list[at]];
  return list.map((part, each) => (each === at ? change(random, part) : part));
}
