import test from 'ava';
import { compilePattern, isPlainText } from '../../../../manager/common/base/pattern.js';

/** CPU time of this process for the work, ms. */
function cpuOf(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

for (const [source, text] of [
  ['^(a+)+$', `${'a'.repeat(34)}!`],
  ['^(a|a)*$', `${'a'.repeat(34)}!`],
  ['(x+x+)+y', 'x'.repeat(10_000)],
] as const) {
  test(`${source} fails in linear time`, (t) => {
    t.true(cpuOf(() => t.false(compilePattern(source).test(text))) < 1000);
  });
}

test('expressions have the syntax and meaning of Go', (t) => {
  t.true(compilePattern('^/shop-(web|db)-[0-9]+$').test('/shop-db-12'));
  t.true(compilePattern(String.raw`\pL{2}`).test('äb'));
  t.true(compilePattern('(?i)WEB').test('/shop-web-1'));
  t.true(compilePattern('WEB', { ignoreCase: true }).test('/shop-web-1'));
  t.false(compilePattern('WEB').test('/shop-web-1'));
  for (const foreign of ['(?<=a)b', String.raw`(a)\1`, '('])
    t.throws(() => compilePattern(foreign), {
      message: /^not a regular expression in RE2 syntax/u,
    });
});

test('long and large expressions are refused before they are compiled', (t) => {
  t.throws(() => compilePattern('a'.repeat(257)), { message: /longer than 256/u });
  for (const large of [
    'x{501}',
    'x{250}y{250}',
    '(x{30}){30}',
    '((x{9}){9}){9}',
    '(x{1,30}){0,30}',
  ]) {
    const used = cpuOf(() => t.throws(() => compilePattern(large), { message: /500 steps/u }));
    t.true(used < 100);
  }
  t.true(compilePattern('^[0-9a-f]{64}$').test('0'.repeat(64)));
});

test('a kept expression does not take the place of one with other flags', (t) => {
  for (let index = 0; index < 200; index += 1)
    t.true(compilePattern(`^n${String(index)}.$`).test(`n${String(index)}x`));
  t.true(compilePattern('i/x', { ignoreCase: false }).test('i/x'));
});

test('plain text has no special characters', (t) => {
  for (const text of ['web', 'shop-web-1', '/shop_db', '']) t.true(isPlainText(text));
  for (const text of ['a.b', '^a', 'a*', 'a|b']) t.false(isPlainText(text));
});
