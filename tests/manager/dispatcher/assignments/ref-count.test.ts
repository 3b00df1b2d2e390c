import test from 'ava';
import fc from 'fast-check';
import { RefCount } from '../../../../manager/dispatcher/assignments/ref-count.js';

test('a key is held from its first holder to its last, in any order of holds', (t) => {
  const aStep = fc.record({ key: fc.constantFrom('a', 'b'), adds: fc.boolean() });
  fc.assert(
    fc.property(fc.array(aStep, { maxLength: 30 }), (steps) => {
      const counts = new RefCount<string>();
      const holders = new Map<string, number>();
      for (const { key, adds } of steps) {
        const before = holders.get(key) ?? 0;
        if (adds) {
          t.is(counts.add(key), before === 0);
          holders.set(key, before + 1);
        } else {
          t.is(counts.drop(key), before === 1);
          holders.set(key, Math.max(0, before - 1));
        }
        const held = [...holders].filter(([, count]) => count > 0).map(([name]) => name);
        t.deepEqual([...counts.keys()].sort(), held.sort());
        t.is(counts.has(key), (holders.get(key) ?? 0) > 0);
      }
    }),
  );
});
