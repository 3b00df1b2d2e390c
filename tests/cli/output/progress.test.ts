import test from 'ava';
import { noPaint } from '../../../cli/output/color.js';
import { LogPrinter } from '../../../cli/output/log-printer.js';
import { makeProgress } from '../../../cli/output/make-progress.js';
import { visibleRows } from '../../../cli/output/progress-tty.js';
import { useColor } from '../../../cli/output/terminal.js';
import { TextBuffer } from '../../helpers/program/run-command.js';

const row = (text: string, state: 'working' | 'done', detail = 'node-1') => ({
  id: 'Container demo-web-1',
  text,
  state,
  detail,
});

test('plain progress is one line per change', (t) => {
  const sink = new TextBuffer();
  const progress = makeProgress({ mode: 'auto', sink, paint: noPaint, ansi: true, now: () => 0 });
  progress.show('Running', [row('Starting', 'working')]);
  progress.show('Running', [row('Starting', 'working')]);
  progress.show('Running', [row('Started', 'done')]);
  progress.end();
  t.is(
    sink.text,
    ' Container demo-web-1  Starting  node-1\n Container demo-web-1  Started  node-1\n',
  );
});

test('json progress is one object per change', (t) => {
  const sink = new TextBuffer();
  const progress = makeProgress({ mode: 'json', sink, paint: noPaint, ansi: true, now: () => 0 });
  progress.show('Running', [row('Started', 'done')]);
  t.deepEqual(JSON.parse(sink.text), {
    id: 'Container demo-web-1',
    status: 'Done',
    text: 'Started',
    details: 'node-1',
  });
});

test('quiet progress writes nothing', (t) => {
  const sink = new TextBuffer(true);
  const progress = makeProgress({ mode: 'quiet', sink, paint: noPaint, ansi: true, now: () => 0 });
  progress.show('Running', [row('Started', 'done')]);
  progress.end();
  t.is(sink.text, '');
});

test('a terminal keeps the last state, the elapsed time and a visible cursor', (t) => {
  const sink = new TextBuffer(true);
  let now = 0;
  const progress = makeProgress({
    mode: 'auto',
    sink,
    paint: noPaint,
    ansi: true,
    now: () => now,
  });
  progress.show('Running', [row('Starting', 'working')]);
  now = 1_500;
  progress.show('Running', [row('Started', 'done')]);
  progress.end();
  t.true(sink.text.includes('[+] Running 1/1'));
  t.regex(sink.text, /✔ Container demo-web-1 {2}Started {2}node-1 +1\.5s\n/u);
  t.true(sink.text.endsWith('\u001b[?25h'));
});

test('finished rows are dropped first if not all rows fit', (t) => {
  const rows = [
    { id: 'a', text: '', state: 'done' },
    { id: 'b', text: '', state: 'working' },
    { id: 'c', text: '', state: 'done' },
    { id: 'd', text: '', state: 'error' },
  ] as const;
  t.deepEqual(
    visibleRows(rows, 3).map(({ id }) => id),
    ['a', 'b', 'd'],
  );
});

test('colours depend on the flag, then NO_COLOR, then the terminal', (t) => {
  const terminal = new TextBuffer(true);
  t.true(useColor('auto', {}, terminal));
  t.false(useColor('auto', { NO_COLOR: '1' }, terminal));
  t.false(useColor('auto', {}, new TextBuffer(false)));
  t.true(useColor('always', { NO_COLOR: '1' }, new TextBuffer(false)));
  t.false(useColor('never', {}, terminal));
});

test('log prefixes omit the project and are aligned', (t) => {
  const printer = new LogPrinter({
    project: 'demo',
    prefix: true,
    timestamps: false,
    paint: noPaint,
  });
  const line = (containerName: string, text: string) => ({
    at: 0,
    stamp: '2026-01-01T00:00:00.000000000Z',
    stream: 'stdout' as const,
    text,
    taskId: 't',
    service: 's',
    slot: 1,
    containerName,
    node: 'n',
  });
  printer.expect(['demo-web-1', 'demo-redis-master-1']);
  t.is(String(printer.lines([line('demo-web-1', 'hello')])), 'web-1           | hello\n');
  t.is(String(printer.lines([line('other-name', 'x')])), 'other-name      | x\n');
  const part = { ...line('other-name', 'x'), taskId: 'o', partial: true };
  t.is(
    String(printer.lines([part, part, line('demo-web-1', 'y')])),
    'other-name      | xx\nweb-1           | y\n',
  );
  const raw = Buffer.from([0xff, 0x62]);
  const printed = printer.lines([{ ...line('w', '?b'), bytes: raw.toString('base64') }]);
  t.true(Buffer.from(printed).includes(raw));
});
