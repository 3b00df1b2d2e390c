import test from 'ava';
import { AppError } from '../../manager/common/base/errors.js';
import { faults } from './cases.js';
import { faultOptions } from './options.js';
import type { Outcome } from './outcome.js';
import { teardownName, lastOutcomes, line, markdown, summary } from './report.js';

const away = { longestS: 1.25, failed: 2, asked: 40 };
const passed: Outcome = {
  cluster: 'consul',
  name: 'something breaks',
  result: 'ok',
  measured: {
    where: 'node-2',
    momentMs: 812,
    rightS: 3.14,
    names: away,
    packets: undefined,
    changes: { ...away, longestS: 0 },
    acknowledged: 99,
  },
};
const broken: Outcome = { cluster: 'consul', name: 'all breaks', result: 'FAILED', why: 'a | b' };
const skipped: Outcome = { cluster: 'embedded', name: 'x', result: 'skipped', why: 'no y' };

test('the line of a case names the machine, the moment and the outages', (t) => {
  const text = line(passed);
  t.true(text.includes('on node-2 after 812 ms'));
  t.true(text.includes('DNS outage 1.3 s (2/40), packet outage -, write outage 0.0 s (2/40)'));
  t.is(line(skipped), 'skipped embedded: x: no y');
});

test('skipped cases count as neither passed nor failed', (t) => {
  t.is(summary([passed, broken, skipped]), '1 of 2 faults passed, 1 skipped');
});

test('the report has a table for each cluster, with the reasons of failures', (t) => {
  const outcomes = [passed, broken, skipped];
  const text = markdown([{ date: '2026-01-02', seed: 7, versions: 'engine 1', outcomes }]);
  t.true(text.includes('- 2026-01-02, seed 7, 3 faults: engine 1'));
  t.true(text.includes('| all breaks | FAILED: a \\| b | - |'));
  t.is(text.match(/^## (?:One|Three)/gmu)?.length, 2);
});

test('only the last run of a retried case and the last teardown of a cluster count', (t) => {
  const end: Outcome = { cluster: 'consul', name: teardownName, result: 'FAILED', why: 'left' };
  const retried: Outcome = { cluster: 'consul', name: broken.name, result: 'ok' };
  const run = { date: '2026-01-02', seed: 7, versions: 'engine 1' };
  const outcomes = lastOutcomes([
    { ...run, outcomes: [passed, broken, skipped, end] },
    { ...run, outcomes: [retried] },
  ]);
  t.deepEqual(outcomes, [passed, retried, skipped]);
});

test('case names are unique within a cluster', (t) => {
  for (const cases of Object.values(faults))
    t.is(new Set(cases.map(({ name }) => name)).size, cases.length);
});

test('options select clusters, cases and a seed; invalid ones are refused', (t) => {
  const options = faultOptions(['--cluster', 'consul', '--only', 'a', '--only', 'b'], 5);
  t.deepEqual(
    { clusters: options.clusters, only: options.only, seed: options.seed, format: options.format },
    { clusters: ['consul'], only: ['a', 'b'], seed: 5, format: 'table' },
  );
  t.is(faultOptions(['--seed', '12'], 5).seed, 12);
  for (const wrong of [['--cluster', 'etcd'], ['--seed', 'x'], ['--format', 'xml'], ['--nothing']])
    t.throws(() => faultOptions(wrong, 1), { instanceOf: AppError });
});
