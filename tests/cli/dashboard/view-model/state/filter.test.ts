import test from 'ava';
import fc from 'fast-check';
import { parseRowFilter } from '../../../../../cli/dashboard/view-model/state/filter.js';

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
