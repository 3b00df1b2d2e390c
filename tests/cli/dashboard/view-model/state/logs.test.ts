import test from 'ava';
import {
  findLine,
  LogBuffer,
  filterLogLines,
} from '../../../../../cli/dashboard/view-model/state/logs.js';
import type { TaskLogLine } from '../../../../../manager/common/protocol/control.js';

function logLine(text: string, name = 'web-1'): TaskLogLine {
  return {
    at: 0,
    stamp: '2026-11-21T01:02:03.456789Z',
    stream: 'stdout',
    text,
    taskId: 't',
    service: 'web',
    slot: 1,
    containerName: name,
    node: 'n1',
  };
}

test('a burst of log lines is bounded, and dropped lines are counted', (t) => {
  const buffer = new LogBuffer();
  for (let batch = 0; batch < 10; batch += 1) {
    buffer.push(Array.from({ length: 10_000 }, (_, at) => logLine(`line ${batch * 10_000 + at}`)));
  }
  t.true(buffer.lines.length <= 6_000);
  t.is(buffer.dropped + buffer.lines.length, 100_000);
  t.is(buffer.lines.at(-1)?.text, 'line 99999');
  buffer.push([logLine('x'.repeat(1_000_000))]);
  t.true((buffer.lines.at(-1)?.text.length ?? 0) <= 4_096);
});

test('a search finds lines in both directions and can hide other lines', (t) => {
  const buffer = new LogBuffer();
  buffer.push(['a', 'error one', 'b', 'error two', 'c'].map((text) => logLine(text)));
  t.is(findLine(buffer.lines, 'ERROR', 5, -1), 3);
  t.is(findLine(buffer.lines, 'error', 3, -1), 1);
  t.is(findLine(buffer.lines, 'error', 1, 1), 3);
  t.is(findLine(buffer.lines, 'nothing', 0, 1), undefined);
  const only = filterLogLines(buffer, {
    search: 'error',
    only: true,
    container: undefined,
    taskId: undefined,
    previous: false,
  });
  t.is(only.length, 2);
});
