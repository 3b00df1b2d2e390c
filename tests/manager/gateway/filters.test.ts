import test from 'ava';
import {
  matchesName,
  parseQueryFilters,
  passesLabels,
  untilFilter,
} from '../../../manager/gateway/filters.js';

function filtersOf(names: readonly string[]): ReturnType<typeof parseQueryFilters> {
  return parseQueryFilters(new URLSearchParams({ filters: JSON.stringify({ name: names }) }), [
    'name',
  ]);
}

test('a name filter is a substring or a regular expression of Go', (t) => {
  t.true(matchesName('/shop-web-1', 'web'));
  t.true(matchesName('/shop-web-1', '^/shop-(web|db)-[0-9]$'));
  t.true(matchesName('/shop-web-1', '(?i)WEB'));
  t.false(matchesName('/shop-web-1', 'db'));
});

test('an expression that backtracking engines take ages for is decided at once', (t) => {
  const before = process.cpuUsage();
  t.false(matchesName(`${'a'.repeat(33)}!`, '^(a+)+$'));
  const { user, system } = process.cpuUsage(before);
  t.true((user + system) / 1000 < 1000);
});

test('malformed, large and too many expressions are refused with the filter', (t) => {
  t.throws(() => filtersOf(['(']), { message: /^invalid filter 'name=\('/u });
  t.throws(() => filtersOf(['a'.repeat(300) + '.']), { message: /longer than 256/u });
  t.throws(() => filtersOf(['(x{99}){99}']), { message: /steps/u });
  const many = Array.from({ length: 17 }, (_, index) => `^web-${String(index)}$`);
  t.throws(() => filtersOf(many), { message: /at most 16 regular expressions/u });
  const plain = Array.from({ length: 100 }, (_, index) => `web-${String(index)}`);
  t.is(filtersOf(plain).get('name')?.length, 100);
});

test('a prune keeps objects with an excluded label', (t) => {
  const labels = { tier: 'db', keep: '' };
  const passes = (...entries: [string, string[]][]): boolean =>
    passesLabels(new Map(entries), labels);
  t.true(passes());
  t.true(passes(['label', ['tier=db']], ['label!', ['tier=web', 'other']]));
  t.false(passes(['label!', ['tier=web', 'keep']]));
  t.false(passes(['label', ['tier=web']]));
});

test('until is a time, or a duration before now', (t) => {
  const now = Date.parse('2026-01-02T00:00:00Z');
  const until = (...values: string[]): number => untilFilter(new Map([['until', values]]), now);
  t.is(untilFilter(new Map(), now), Infinity);
  t.is(until('1767312000'), now);
  t.is(until('1h30m'), now - 5_400_000);
  t.is(until('500ms'), now - 500);
  t.is(until('2026-01-01T00:00:00Z'), now - 86_400_000);
  t.throws(() => until('soon'), { message: "invalid filter 'until=soon'" });
  t.throws(() => until('1h', '2h'), { message: 'more than one until filter specified' });
});
