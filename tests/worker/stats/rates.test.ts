import test from 'ava';
import fc from 'fast-check';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { EngineStats, StatsSample } from '../../../worker/stats/rates.js';
import { hasChanged, sampleOf, toTaskUse } from '../../../worker/stats/rates.js';

const task = 't1' as TaskId;

/** The relevant fields of an engine 28 response with cgroup v2. */
const answer: EngineStats = {
  read: '2026-11-21T01:00:00.500000000Z',
  cpu_stats: { cpu_usage: { total_usage: 2_500_000_000 } },
  memory_stats: { usage: 10_000_000, limit: 64_000_000, stats: { inactive_file: 4_000_000 } },
  networks: { eth0: { rx_bytes: 100, tx_bytes: 10 }, eth1: { rx_bytes: 1, tx_bytes: 2 } },
  blkio_stats: {
    io_service_bytes_recursive: [
      { op: 'read', value: 4096 },
      { op: 'write', value: 8192 },
      { op: 'Read', value: 1 },
    ],
  },
  pids_stats: { current: 3 },
};

test('a sample excludes inactive page cache and sums interfaces and devices', (t) => {
  t.deepEqual(sampleOf(answer), {
    at: Date.parse('2026-11-21T01:00:00.500Z'),
    cpuNanos: 2_500_000_000,
    memoryBytes: 6_000_000,
    memoryLimitBytes: 64_000_000,
    rxBytes: 101,
    txBytes: 12,
    readBytes: 4097,
    writeBytes: 8192,
    pids: 3,
  });
});

test('the hierarchical cache counter is excluded on cgroup v1', (t) => {
  const stats = { usage: 100, stats: { total_inactive_file: 60, inactive_file: 10 } };
  t.is(sampleOf({ ...answer, memory_stats: stats })?.memoryBytes, 40);
});

test('a response for a stopped container yields no sample', (t) => {
  t.is(sampleOf({ read: '0001-01-01T00:00:00Z', cpu_stats: {}, memory_stats: {} }), undefined);
  t.is(sampleOf({}), undefined);
});

const sample: StatsSample = {
  at: 1_000,
  cpuNanos: 0,
  memoryBytes: 1,
  memoryLimitBytes: 2,
  rxBytes: 1_000,
  txBytes: 0,
  readBytes: 0,
  writeBytes: 0,
  pids: 1,
};

test('half a second of CPU in two seconds is 25 percent', (t) => {
  const later = { ...sample, at: 3_000, cpuNanos: 500_000_000, rxBytes: 5_000 };
  const use = toTaskUse(task, sample, later);
  t.is(use.cpuPercent, 25);
  t.is(use.rxPerSecond, 2_000);
  t.is(use.cpuSeconds, 0.5);
});

test('the first sample has totals but no rates', (t) => {
  const use = toTaskUse(task, undefined, { ...sample, cpuNanos: 9e9 });
  t.is(use.cpuPercent, 0);
  t.is(use.cpuSeconds, 9);
});

test('rates are never negative or NaN', (t) => {
  const count = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  const samples = fc.record({
    at: count,
    cpuNanos: count,
    memoryBytes: count,
    memoryLimitBytes: count,
    rxBytes: count,
    txBytes: count,
    readBytes: count,
    writeBytes: count,
    pids: count,
  });
  fc.assert(
    fc.property(samples, samples, (before, now) => {
      const use = toTaskUse(task, before, now);
      for (const rate of [use.cpuPercent, use.rxPerSecond, use.txPerSecond, use.readPerSecond]) {
        t.true(Number.isFinite(rate) && rate >= 0);
      }
    }),
  );
});

test('insignificant changes are not sent', (t) => {
  const use = toTaskUse(task, undefined, sample);
  t.true(hasChanged(undefined, use));
  t.false(hasChanged(use, { ...use, cpuPercent: 0.05, memoryBytes: use.memoryBytes + 4096 }));
  t.true(hasChanged(use, { ...use, cpuPercent: 0.2 }));
  t.true(hasChanged(use, { ...use, memoryBytes: use.memoryBytes + 65_536 }));
  t.true(hasChanged(use, { ...use, rxBytes: use.rxBytes + 1 }));
});
