import test from 'ava';
import fc from 'fast-check';
import { compareLogLines, LogMerge } from '../../../manager/logs/merge.js';
import type { TaskLogLine } from '../../../manager/common/protocol/control.js';

function line(taskId: string, at: number, text: string): TaskLogLine {
  return {
    taskId,
    at,
    stamp: `2026-01-01T00:00:00.${String(at).padStart(9, '0')}Z`,
    stream: 'stdout',
    text,
    service: 'web',
    slot: 1,
    containerName: taskId,
    node: 'w1',
  };
}

test('the merge emits every line once and in time order for any interleaving', (t) => {
  const sources = fc.array(fc.array(fc.nat(50), { maxLength: 12 }), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(sources, fc.array(fc.nat(3), { maxLength: 60 }), (times, order) => {
      const rest = times.map((each, source) =>
        [...each].sort((a, b) => a - b).map((at, n) => line(`t${source}`, at, `${source}/${n}`)),
      );
      const all = rest.flat().sort(compareLogLines);
      const merge = new LogMerge();
      const out: TaskLogLine[] = [];
      rest.forEach((_, source) => {
        merge.open(`t${source}`);
      });
      for (const source of order) {
        const next = rest[source]?.shift();
        if (next !== undefined) merge.add(`t${source}`, [next], 0);
        out.push(...merge.take());
      }
      rest.forEach((lines, source) => {
        merge.add(`t${source}`, lines, 0);
        merge.close(`t${source}`);
        out.push(...merge.take());
      });
      t.deepEqual(out.map(({ text }) => text).sort(), all.map(({ text }) => text).sort());
      t.deepEqual(
        out.map(({ at }) => at),
        all.map(({ at }) => at),
      );
      t.is(merge.pendingCount, 0);
    }),
  );
});

test('a line waits for a silent source until a flush', (t) => {
  const merge = new LogMerge();
  merge.open('a');
  merge.open('b');
  merge.add('a', [line('a', 5, 'one')], 1_000);
  t.deepEqual(merge.take(), []);
  t.deepEqual(merge.flush(999), []);
  t.is(merge.flush(1_000).length, 1);
});

test('a line from a machine with a fast clock waits no longer than others', (t) => {
  const merge = new LogMerge();
  merge.open('ahead');
  merge.open('quiet');
  merge.add('ahead', [line('ahead', 600_000, 'from the future')], 10);
  merge.add('quiet', [line('quiet', 5, 'now')], 20);
  t.deepEqual(
    [...merge.take(), ...merge.flush(10)].map(({ text }) => text),
    ['now', 'from the future'],
  );
});
