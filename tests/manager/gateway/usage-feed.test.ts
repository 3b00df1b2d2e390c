import test from 'ava';
import { UsageFeed } from '../../../manager/gateway/usage-feed.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { StatsMessage } from '../../../manager/common/protocol/statistics.js';
import { until } from '../../helpers/until.js';
import { aUse } from '../../helpers/decisions/usage.js';

function message(
  kind: StatsMessage['kind'],
  at: number,
  changes: Partial<StatsMessage>,
): StatsMessage {
  return { kind, at, tasks: [], goneTasks: [], nodes: [], goneNodes: [], ...changes };
}

/** Statistics source driven by the test. */
class FakeStatistics {
  readonly listeners = new Set<(message: StatsMessage) => void>();
  opened = 0;

  subscribe(listener: (message: StatsMessage) => void): () => void {
    this.opened += 1;
    this.listeners.add(listener);
    listener(message('snapshot', 1, { tasks: [aUse('a')] }));
    return () => {
      this.listeners.delete(listener);
    };
  }

  tell(told: StatsMessage): void {
    for (const listener of this.listeners) listener(told);
  }
}

test('readers share one subscription, which ends with the last reader', async (t) => {
  const statistics = new FakeStatistics();
  const feed = new UsageFeed(statistics);
  const abort = new AbortController();
  const seen = new Map<string, (number | undefined)[]>();
  const readers = ['a', 'a', 'b'].map(async (taskId, at) => {
    const list: (number | undefined)[] = [];
    seen.set(`${taskId}${at}`, list);
    for await (const use of feed.follow(taskId as TaskId, abort.signal)) list.push(use?.at);
  });
  await until('all read', 5_000, () => [...seen.values()].every((list) => list.length === 1));
  t.is(statistics.opened, 1);
  statistics.tell(message('delta', 2, { tasks: [aUse('b')] }));
  await until('all were told', 5_000, () => [...seen.values()].every((list) => list.length === 2));
  statistics.tell(message('delta', 3, { goneTasks: ['a' as TaskId] }));
  await until('all were told', 5_000, () => [...seen.values()].every((list) => list.length === 3));
  // Unchanged usage is sent again, as an engine does each second.
  t.deepEqual(Object.fromEntries(seen), {
    a0: [1, 2, undefined],
    a1: [1, 2, undefined],
    b2: [undefined, 2, 3],
  });
  abort.abort();
  await Promise.all(readers);
  t.is(statistics.listeners.size, 0);
});
