import test from 'ava';
import fc from 'fast-check';
import type { NodeLiveness } from '../../../../manager/dispatcher/nodes/node-liveness.js';
import {
  defaultLivenessTiming,
  evaluateLiveness,
} from '../../../../manager/dispatcher/nodes/node-liveness.js';

const fine: NodeLiveness = {
  connected: true,
  heardAt: 1_000,
  missedAt: undefined,
  machine: 'unasked',
  probedAt: 0,
};
const judge = (signs: Partial<NodeLiveness>, now: number): ReturnType<typeof evaluateLiveness> =>
  evaluateLiveness({ ...fine, ...signs }, now, defaultLivenessTiming);

test('the machine is probed after three missed heartbeats', (t) => {
  t.deepEqual(judge({}, 3_999), { kind: 'wait', until: 4_000 });
  t.deepEqual(judge({}, 4_000), { kind: 'ask' });
});

test('a node is down at once if its machine does not answer', (t) => {
  t.like(judge({ missedAt: 4_000, machine: 'gone', probedAt: 4_000 }, 4_300), { kind: 'down' });
});

test('a worker has time to return while its machine answers a probe every second', (t) => {
  const signs = { connected: false, missedAt: 4_000, machine: 'alive', probedAt: 4_000 } as const;
  t.deepEqual(judge(signs, 4_100), { kind: 'wait', until: 5_000 });
  t.deepEqual(judge(signs, 5_000), { kind: 'ask' });
  t.deepEqual(judge({ ...signs, probedAt: 48_500 }, 48_600), { kind: 'wait', until: 49_000 });
  t.deepEqual(judge(signs, 49_000), {
    kind: 'down',
    message: 'machine answers, but its worker has been away for 45 s',
  });
});

test('a wait never ends in the past', (t) => {
  fc.assert(
    fc.property(
      fc.record({
        connected: fc.boolean(),
        heardAt: fc.nat(20_000),
        missedAt: fc.option(fc.nat(20_000), { nil: undefined }),
        machine: fc.constantFrom('unasked' as const, 'asking', 'alive', 'gone'),
        probedAt: fc.nat(20_000),
      }),
      fc.nat(40_000),
      (signs, now) => {
        const step = evaluateLiveness(signs, now, defaultLivenessTiming);
        return step.kind !== 'wait' || step.until > now;
      },
    ),
  );
  t.pass();
});
