import test from 'ava';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import { MessageLimits } from '../../../../manager/dispatcher/sessions/message-limits.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';

const [one, other] = ['w1', 'w2'] as [NodeId, NodeId];

test('sixty descriptions at once are accepted, then one a second', (t) => {
  const clock = new ManualClock();
  const limits = new MessageLimits(clock);
  const describe = (nodeId: NodeId) => (): void => {
    limits.checkDescription(nodeId);
  };
  for (let count = 0; count < 60; count += 1) describe(one)();
  t.throws(describe(one), { message: 'too many description messages' });
  t.notThrows(describe(other));
  clock.advance(1_000);
  t.notThrows(describe(one));
  t.throws(describe(one));
});

test('a node has at most 64 requests for images in flight', async (t) => {
  const limits = new MessageLimits(new ManualClock());
  const ends: (() => void)[] = [];
  const request = (): Promise<void> =>
    limits.runImageRequest(one, () => new Promise((resolve) => ends.push(resolve)));
  const running = Array.from({ length: 64 }, request);
  await t.throwsAsync(request(), { message: /too many image requests; retry in a minute/ });
  await t.notThrowsAsync(limits.runImageRequest(other, () => Promise.resolve()));
  ends[0]?.();
  await running[0];
  const last = request();
  for (const end of ends) end();
  await t.notThrowsAsync(Promise.all([...running, last]));
});

test('failed requests count like others: two hundred at once, then two a second', async (t) => {
  const clock = new ManualClock();
  const limits = new MessageLimits(clock);
  const request = (): Promise<string> =>
    limits
      .runImageRequest(one, () => Promise.reject(new Error('none')))
      .catch((error: unknown) => (error as Error).message);
  const answers: string[] = [];
  for (let count = 0; count < 201; count += 1) answers.push(await request());
  t.is(answers.filter((answer) => answer === 'none').length, 200);
  clock.advance(1_000);
  t.deepEqual(
    [await request(), await request(), await request()],
    ['none', 'none', 'too many image requests; retry in a minute'],
  );
});

test('three warnings about a node are logged at once, then one a minute', (t) => {
  const clock = new ManualClock();
  const limits = new MessageLimits(clock);
  t.deepEqual(
    [1, 2, 3, 4].map(() => limits.mayWarn(one)),
    [true, true, true, false],
  );
  clock.advance(60_000);
  t.true(limits.mayWarn(one));
  t.true(limits.mayWarn(other));
});
