import test from 'ava';
import { LayerMeter } from '../../../cli/build/layer-meter.js';
import { runWithLimit } from '../../../cli/rollout/run-with-limit.js';
import { eligibleNodes, isPullDue, pullConditionOf } from '../../../cli/rollout/pull-policy.js';
import type { ComposeService } from '../../../cli/compose/model.js';
import { aNode } from '../../../fixtures/cluster/build.js';

const dayMs = 86_400_000;

function service(more: Partial<ComposeService> = {}): ComposeService {
  return { command: null, entrypoint: null, ...more };
}

test('the pull flag overrides the pull policy of the file', (t) => {
  t.is(pullConditionOf(service()), undefined);
  t.deepEqual(pullConditionOf(service({ pull_policy: 'daily' })), { kind: 'older', thanMs: dayMs });
  t.deepEqual(pullConditionOf(service({ pull_policy: 'weekly' })), {
    kind: 'older',
    thanMs: 7 * dayMs,
  });
  t.deepEqual(pullConditionOf(service({ pull_policy: 'every_1d12h' })), {
    kind: 'older',
    thanMs: 1.5 * dayMs,
  });
  t.deepEqual(pullConditionOf(service({ pull_policy: 'refresh', pull_refresh_after: '2h' })), {
    kind: 'older',
    thanMs: dayMs / 12,
  });
  t.deepEqual(pullConditionOf(service({ pull_policy: 'never' }), 'always'), { kind: 'always' });
  t.deepEqual(pullConditionOf(service({ pull_policy: 'never' }), 'policy'), { kind: 'never' });
});

test('outdated, missing and untagged images are due for a pull', (t) => {
  const now = 10 * dayMs;
  const daily = { kind: 'older', thanMs: dayMs } as const;
  t.true(isPullDue(daily, undefined, now));
  t.true(isPullDue(daily, {}, now));
  t.true(isPullDue(daily, { taggedAt: now - dayMs }, now));
  t.false(isPullDue(daily, { taggedAt: now - dayMs + 1 }, now));
  t.false(isPullDue({ kind: 'missing' }, {}, now));
  t.true(isPullDue({ kind: 'missing' }, undefined, now));
  t.true(isPullDue({ kind: 'always' }, { taggedAt: now }, now));
  t.false(isPullDue({ kind: 'never' }, undefined, now));
});

test('an image is pulled on nodes that may run one of its services', (t) => {
  const nodes = [
    aNode('n1', { name: 'a', labels: { disk: 'ssd' } }),
    aNode('n2', { name: 'b', labels: { disk: 'old' } }),
    aNode('n3', { name: 'c', state: 'down' }),
  ];
  const names = (constraints: readonly (readonly string[])[], platform?: string) =>
    eligibleNodes(nodes, { platform, constraints }).map(({ spec }) => spec.name);
  t.deepEqual(names([[]]), ['a', 'b']);
  t.deepEqual(names([['node.labels.disk == ssd']]), ['a']);
  t.deepEqual(names([['node.labels.disk == ssd'], ['node.hostname == b']]), ['a', 'b']);
  t.deepEqual(names([[]], 'windows/amd64'), []);
});

test('pull progress adds up layers and counts finished ones in full', (t) => {
  const meter = new LayerMeter();
  const line = (id: string, status: string, current?: number, total?: number) =>
    meter.read({
      id,
      status,
      ...(current === undefined || total === undefined
        ? {}
        : { progressDetail: { current, total } }),
    });
  t.is(line('1', 'Pulling from x'), undefined);
  t.deepEqual(line('a', 'Downloading', 25, 100), { fraction: 0.25, text: '25B/100B' });
  t.deepEqual(line('b', 'Downloading', 0, 300), { fraction: 0.0625, text: '25B/400B' });
  t.deepEqual(line('a', 'Download complete'), { fraction: 0.25, text: '100B/400B' });
  t.deepEqual(line('a', 'Extracting', 10, 500), { fraction: 0.25, text: '100B/400B' });
});

test('jobs run up to the concurrency limit, and the first failure stops them', async (t) => {
  let [running, most, done] = [0, 0, 0];
  const job = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await new Promise(setImmediate);
    running -= 1;
    done += 1;
  };
  await runWithLimit(
    3,
    Array.from({ length: 10 }, () => job),
  );
  t.deepEqual([most, done], [3, 10]);
  await runWithLimit(Infinity, [job, job]);
  t.is(done, 12);
  const failing = (): Promise<void> => Promise.reject(new Error('no'));
  await t.throwsAsync(runWithLimit(1, [job, failing, job]), { message: 'no' });
  t.is(done, 13);
});
