import test from 'ava';
import fc from 'fast-check';
import { textWidth } from '../../../../cli/output/table.js';
import { placeColumns } from '../../../../cli/dashboard/view-model/paint/columns.js';
import {
  parseCommand,
  completeLine,
  splitWords,
} from '../../../../cli/dashboard/view-model/update/command-line.js';
import { parseRowFilter } from '../../../../cli/dashboard/view-model/state/filter.js';
import {
  asciiGlyphs,
  sparkline,
  unicodeGlyphs,
} from '../../../../cli/dashboard/view-model/paint/glyphs.js';
import {
  findLine,
  LogBuffer,
  filterLogLines,
} from '../../../../cli/dashboard/view-model/state/logs.js';
import {
  age,
  fitCell,
  fitMiddle,
  sanitizeText,
  wrapText,
} from '../../../../cli/dashboard/view-model/paint/text.js';
import type { TaskLogLine } from '../../../../manager/common/protocol/control.js';
import { lookAt, simulatedWorld } from '../../../helpers/fakes/world.js';

test('a cell has exactly its width for any text', (t) => {
  const texts = fc.oneof(fc.string(), fc.constantFrom('日本語のサービス', '🐳🐳🐳 web', 'é́́'));
  fc.assert(
    fc.property(texts, fc.integer({ min: 1, max: 40 }), fc.boolean(), (text, width, right) => {
      t.is(textWidth(fitCell(sanitizeText(text), width, right)), width);
    }),
  );
});

test('escape codes, bidirectional controls and invisible characters are removed', (t) => {
  const shown = sanitizeText('a\u001b[31mred\u009b2J\r\n\u202eevil\u200b!');
  // eslint-disable-next-line no-control-regex -- the test looks for control characters
  t.notRegex(shown, /[\u0000-\u001f\u007f-\u009f\u202e\u200b]/);
  t.true(shown.includes('evil!'));
});

test('a truncated name keeps its end, which distinguishes replicas', (t) => {
  t.is(fitMiddle('web-frontend-3', 10), 'web-fr…d-3');
  t.is(fitMiddle('short', 10), 'short');
  t.is(age(59_000), '59s');
  t.is(age(7_200_000), '2h');
  t.is(age(10 * 86_400_000), '10d');
  t.deepEqual(wrapText('abcdef', 4), ['abcd', 'ef']);
});

const columns = [
  { key: 'name', width: 10, max: 30, priority: 0 },
  { key: 'state', width: 8, priority: 0 },
  { key: 'cpu', width: 5, priority: 2 },
  { key: 'io', width: 12, priority: 9 },
];

test('the least important columns are dropped first, and spare width goes to names', (t) => {
  t.deepEqual(
    placeColumns(columns, 26).map(({ key }) => key),
    ['name', 'state', 'cpu'],
  );
  t.deepEqual(placeColumns(columns, 100)[0], { key: 'name', width: 30 });
  t.is(placeColumns(columns, 10, true).length, 4);
});

test('placed columns never exceed the width of the terminal', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: 19, max: 200 }), (width) => {
      const placed = placeColumns(columns, width);
      const used = placed.reduce((sum, column) => sum + column.width, 0) + placed.length - 1;
      t.true(used <= width);
    }),
  );
});

test('a filter matches a regular expression, its inverse, labels or letters in order', (t) => {
  const web = { text: 'shop/web-12 nginx:1', labels: { tier: 'front', zone: 'a' } };
  const matches = (text: string): boolean => parseRowFilter(text).matches(web);
  t.true(matches('WEB-1'));
  t.true(matches('web-\\d+'));
  t.false(matches('!web'));
  t.true(matches('!redis'));
  t.true(matches('-l tier=front,zone'));
  t.false(matches('-l tier=back'));
  t.true(matches('-f swng'));
  t.false(matches('-f gnws'));
  t.true(matches(''));
  t.truthy(parseRowFilter('web(').problem);
  t.false(matches('web('));
});

test('parsing a filter never throws', (t) => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (text, name) => {
      t.is(typeof parseRowFilter(text).matches({ text: name, labels: {} }), 'boolean');
    }),
  );
});

test('a command line is parsed as a view, quit, a CLI command or a problem', (t) => {
  const { commands } = lookAt(simulatedWorld({ nodes: 1, services: 1, replicas: 1 }));
  t.deepEqual(parseCommand('svc', commands), { kind: 'view', view: 'services', filter: '' });
  t.deepEqual(parseCommand('tasks /web', commands), { kind: 'view', view: 'tasks', filter: 'web' });
  t.deepEqual(parseCommand('q', commands), { kind: 'quit' });
  t.deepEqual(parseCommand('scale web=5', commands), { kind: 'run', words: ['scale', 'web=5'] });
  t.deepEqual(parseCommand('volume rm x', commands), { kind: 'run', words: ['volume', 'rm', 'x'] });
  t.is(parseCommand('dashboard', commands).kind, 'problem');
  t.is(parseCommand('nonsense', commands).kind, 'problem');
  t.deepEqual(splitWords(`exec web sh -c 'echo "a b"' c\\ d`), [
    'exec',
    'web',
    'sh',
    '-c',
    'echo "a b"',
    'c d',
  ]);
});

test('tab completes screens, commands and names of objects', (t) => {
  const look = lookAt(simulatedWorld({ nodes: 2, services: 1, replicas: 1 }));
  t.is(completeLine('topol', look), 'topology ');
  t.is(completeLine('scale web', look), 'scale web1=');
  t.is(completeLine('node update nod', look), 'node update node-');
});

test('a sparkline has the given width and shows a bar for any value above zero', (t) => {
  t.is(sparkline([0, 50, 100], 5, unicodeGlyphs, 100), '   ▄█');
  t.is(sparkline([0.01], 1, unicodeGlyphs, 100), '▁');
  t.regex(sparkline([1, 2, 3], 3, asciiGlyphs), /^[\x20-\x7e]{3}$/);
});

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
