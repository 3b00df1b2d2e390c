import test from 'ava';
import fc from 'fast-check';
import { parseDuration, parseMoment } from '../../../cli/output/duration.js';
import { humanDuration } from '../../../manager/common/base/human-duration.js';

const second = 1000;
const hour = 3_600 * second;
const day = 24 * hour;

for (const [ms, text] of [
  [-5 * second, 'Less than a second'],
  [999, 'Less than a second'],
  [second, '1 second'],
  [59.9 * second, '59 seconds'],
  [60 * second, 'About a minute'],
  [2 * 60 * second, '2 minutes'],
  [59 * 60 * second, '59 minutes'],
  [hour, 'About an hour'],
  [89 * 60 * second, 'About an hour'],
  [91 * 60 * second, '2 hours'],
  [47 * hour, '47 hours'],
  [3 * day, '3 days'],
  [15 * day, '2 weeks'],
  [70 * day, '2 months'],
  [800 * day, '2 years'],
] as const) {
  test(`${ms} ms is shown as ${text}, as docker does`, (t) => {
    t.is(humanDuration(ms), text);
  });
}

test('parseDuration accepts several units', (t) => {
  t.is(parseDuration('1h30m'), 90 * 60 * second);
  t.is(parseDuration('250ms'), 250);
  t.is(parseDuration('1.5s'), 1500);
  t.is(parseDuration(''), undefined);
  t.is(parseDuration('5'), undefined);
  t.is(parseDuration('5 m'), undefined);
});

test('parseMoment accepts durations before now, seconds and RFC 3339', (t) => {
  t.is(parseMoment('10m', 3_600_000), 3_000_000);
  t.is(parseMoment('1700000000', 0), 1_700_000_000_000);
  t.is(parseMoment('2026-01-02T03:04:05Z', 0), Date.UTC(2026, 0, 2, 3, 4, 5));
  t.is(parseMoment('yesterday', 0), undefined);
  t.is(parseMoment('2026-99-99', 0), undefined);
});

test('humanDuration never shows a negative or fractional number', (t) => {
  fc.assert(
    fc.property(fc.integer({ min: -1e9, max: 1e14 }), (ms) => !/[-.]/u.test(humanDuration(ms))),
  );
  t.pass();
});
