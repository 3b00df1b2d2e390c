import test from 'ava';
import { matchesName, parseQueryFilters } from '../../../manager/gateway/filters.js';

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
