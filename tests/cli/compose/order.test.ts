import test from 'ava';
import fc from 'fast-check';
import type { ComposeService } from '../../../cli/compose/model.js';
import { dependencyOrder, findCycle } from '../../../cli/compose/order.js';

/** Services with the names that they depend on. */
function servicesOf(
  dependencies: Readonly<Record<string, readonly string[]>>,
): Record<string, ComposeService> {
  const condition = { condition: 'service_started', required: true } as const;
  return Object.fromEntries(
    Object.entries(dependencies).map(([name, others]) => [
      name,
      { depends_on: Object.fromEntries(others.map((other) => [other, condition])) },
    ]),
  ) as unknown as Record<string, ComposeService>;
}

test('services follow their dependencies, and names decide between equals', (t) => {
  t.deepEqual(dependencyOrder(servicesOf({ c: [], b: [], a: ['c'] })), ['b', 'c', 'a']);
  t.deepEqual(dependencyOrder(servicesOf({ z: [], a: ['z'], m: ['a'] })), ['z', 'a', 'm']);
  t.deepEqual(dependencyOrder({}), []);
});

test('services on or behind a cycle are left out, missing dependencies do not count', (t) => {
  t.deepEqual(dependencyOrder(servicesOf({ a: ['b'], b: ['a'], c: ['a'], d: ['gone'] })), ['d']);
});

test('a cycle is found from the first name, and begins and ends with the same service', (t) => {
  t.is(findCycle(servicesOf({ a: ['b'], b: ['c'], c: [] })), undefined);
  t.deepEqual(findCycle(servicesOf({ a: ['a'] })), ['a', 'a']);
  t.deepEqual(findCycle(servicesOf({ x: ['b'], b: ['c'], c: ['b'] })), ['b', 'c', 'b']);
  t.deepEqual(findCycle(servicesOf({ a: ['m'], m: ['n'], n: ['m'] })), ['m', 'n', 'm']);
  t.is(findCycle(servicesOf({ a: ['c'], b: ['c'], c: [] })), undefined, 'a shared dependency');
});

test('every order of a file gives the same order of services', (t) => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const graph = fc.array(fc.tuple(fc.constantFrom(...names), fc.constantFrom(...names)));
  fc.assert(
    fc.property(graph, fc.shuffledSubarray(names, { minLength: 5 }), (edges, shuffled) => {
      const later = edges.filter(([from, to]) => from > to);
      const of = (keys: readonly string[]) =>
        servicesOf(
          Object.fromEntries(
            keys.map((key) => [key, later.filter(([from]) => from === key).map(([, to]) => to)]),
          ),
        );
      const order = dependencyOrder(of(names));
      t.deepEqual(dependencyOrder(of(shuffled)), order);
      for (const [from, to] of later) t.true(order.indexOf(from) > order.indexOf(to));
    }),
  );
});
