import test from 'ava';
import {
  decodeLogLines,
  decodeWorkerStats,
} from '../../../../manager/common/protocol/worker-stream-decoders.js';

const line = { at: 1, stamp: '2026-01-01T00:00:00.000000001Z', stream: 'stdout', text: 'up' };

test('log lines are decoded from text and from bytes', (t) => {
  const json = JSON.stringify([line, { ...line, bytes: 'dXA=', partial: true, level: 'new' }]);
  t.deepEqual(decodeLogLines(json, 'logs'), JSON.parse(json) as never);
  t.is(decodeLogLines(json, 'logs').length, 2);
  t.is(decodeLogLines('[]', 'logs').length, 0);
});

for (const [title, value, message] of [
  ['an object instead of the list', {}, 'logs of web: the value must be an array'],
  ['null as a line', [line, null], 'logs of web: [1] must be an object'],
  ['a line without text', [{ ...line, text: 1 }], 'logs of web: [0].text must be a string'],
  [
    'an unknown stream',
    [{ ...line, stream: 'stdin' }],
    'logs of web: [0].stream must be one of stdout, stderr',
  ],
  ['bytes as a list', [{ ...line, bytes: [1] }], 'logs of web: [0].bytes must be a string'],
  ['a line without a time', [{ ...line, at: null }], 'logs of web: [0].at must be a number'],
] as const) {
  test(`log lines: ${title} is rejected`, (t) => {
    t.is(t.throws(() => decodeLogLines(JSON.stringify(value), 'logs of web')).message, message);
  });
}

test('log lines: text that is not JSON is rejected without quoting it', (t) => {
  t.is(
    t.throws(() => decodeLogLines('secret', 'logs of web')).message,
    'logs of web: invalid JSON',
  );
});

const stats = { at: 1, tasks: [], gone: ['t1'] };

test('statistics without a machine and counters are decoded', (t) => {
  t.deepEqual(decodeWorkerStats(JSON.stringify(stats), 'statistics'), stats as never);
});

for (const [title, value, message] of [
  ['null', null, 'statistics of node n1: the value must be an object'],
  ['missing tasks', { at: 1, gone: [] }, 'statistics of node n1: tasks must be an array'],
  [
    'usage without an id',
    { ...stats, tasks: [{ cpuPercent: 1 }] },
    'statistics of node n1: tasks[0].taskId must be a non-empty string',
  ],
  [
    'a number as text',
    { ...stats, machine: { cpuPercent: '1' } },
    'statistics of node n1: machine.cpuPercent must be a number',
  ],
] as const) {
  test(`statistics: ${title} is rejected`, (t) => {
    const error = t.throws(() => decodeWorkerStats(JSON.stringify(value), 'statistics of node n1'));
    t.is(error.message, message);
  });
}
