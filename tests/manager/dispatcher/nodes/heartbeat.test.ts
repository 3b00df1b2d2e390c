import { setImmediate as nextTick } from 'node:timers/promises';
import test from 'ava';
import type { NodeId } from '../../../../manager/common/model/ids.js';
import { HeartbeatMonitor } from '../../../../manager/dispatcher/nodes/heartbeat.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];
const timing = {
  deadlineMs: 3_000,
  workerGraceMs: 45_000,
  probeIntervalMs: 1_000,
  engineGraceMs: 60_000,
};

/** A monitor whose probes a test answers; `probes` lists their times. */
function aMonitor() {
  const clock = new ManualClock();
  const probes: string[] = [];
  const downs: string[] = [];
  const machine = {
    isAlive: true,
    address: '192.0.2.1' as string | undefined,
    probe: (): Promise<boolean> => Promise.resolve(machine.isAlive),
  };
  const monitor = new HeartbeatMonitor({
    clock,
    timing,
    probe: (address) => {
      probes.push(`${address} at ${String(clock.elapsed())}`);
      return machine.probe();
    },
    addressOf: () => machine.address,
    onDown: (nodeId, message) => downs.push(`${nodeId} at ${String(clock.elapsed())}: ${message}`),
  });
  /** Advances second by second, so that answers of probes arrive between the timers. */
  const advance = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 1_000) {
      clock.advance(Math.min(left, 1_000));
      await nextTick();
    }
  };
  return { monitor, machine, probes, downs, advance };
}

test('a node that misses its heartbeats is down as soon as its machine does not answer', async (t) => {
  const { monitor, machine, probes, downs, advance } = aMonitor();
  machine.isAlive = false;
  monitor.connected(w1);
  await advance(2_999);
  t.deepEqual(probes, []);
  await advance(1);
  t.deepEqual(probes, ['192.0.2.1 at 3000']);
  t.deepEqual(downs, ['w1 at 3000: machine does not answer']);
  await advance(60_000);
  t.is(downs.length, 1, 'a node goes down once');
});

test('every message extends the deadline of a node', async (t) => {
  const { monitor, probes, advance } = aMonitor();
  monitor.connected(w1);
  for (let beat = 0; beat < 10; beat += 1) {
    await advance(2_000);
    monitor.recordMessage(w1);
  }
  t.deepEqual(probes, []);
  await advance(3_000);
  t.deepEqual(probes, ['192.0.2.1 at 23000']);
});

test('a worker that stays away is down after its grace while the machine is probed each second', async (t) => {
  const { monitor, probes, downs, advance } = aMonitor();
  monitor.connected(w1);
  await advance(48_000);
  t.deepEqual(downs, ['w1 at 48000: machine answers, but its worker has been away for 45 s']);
  t.is(probes.length, 45);
});

test('a message that arrives during the grace starts it anew', async (t) => {
  const { monitor, downs, advance } = aMonitor();
  monitor.connected(w1);
  await advance(40_000);
  monitor.recordMessage(w1);
  await advance(47_000);
  t.deepEqual(downs, []);
  await advance(1_000);
  t.is(downs.length, 1);
});

test('a message that arrives during a probe counts more than the probe', async (t) => {
  const { monitor, machine, downs, advance } = aMonitor();
  let answer: (isAlive: boolean) => void = () => undefined;
  machine.probe = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  monitor.connected(w1);
  await advance(3_000);
  monitor.recordMessage(w1);
  answer(false);
  await advance(2_000);
  t.deepEqual(downs, []);
  await advance(1_000);
  answer(false);
  await nextTick();
  t.deepEqual(downs, ['w1 at 6000: machine does not answer']);
});

test('a new session during a probe counts more than the probe', async (t) => {
  const { monitor, machine, downs, probes, advance } = aMonitor();
  let answer: (isAlive: boolean) => void = () => undefined;
  machine.probe = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  monitor.connected(w1);
  await advance(3_000);
  monitor.connected(w1);
  answer(false);
  await advance(2_000);
  t.deepEqual(downs, []);
  t.is(probes.length, 1);
});

test('the machine of a worker that disconnects is probed at once', async (t) => {
  const { monitor, machine, downs, advance } = aMonitor();
  machine.isAlive = false;
  monitor.connected(w1);
  await advance(1_000);
  monitor.disconnected(w1);
  await nextTick();
  t.deepEqual(downs, ['w1 at 1000: machine does not answer']);
  monitor.disconnected(w1);
  await advance(60_000);
  t.is(downs.length, 1, 'a node that is down stays so');
});

test('a worker that disconnects and returns within its grace is never down', async (t) => {
  const { monitor, downs, advance } = aMonitor();
  monitor.connected(w1);
  monitor.disconnected(w1);
  await advance(44_000);
  monitor.connected(w1);
  await advance(2_000);
  monitor.recordMessage(w1);
  await advance(2_000);
  t.deepEqual(downs, []);
});

test('the grace of a disconnected worker begins with the end of its session', async (t) => {
  const { monitor, downs, advance } = aMonitor();
  monitor.connected(w1);
  await advance(2_000);
  monitor.disconnected(w1);
  await advance(45_000);
  t.deepEqual(downs, ['w1 at 47000: machine answers, but its worker has been away for 45 s']);
});

test('an expected node has its deadline and the grace of the start', async (t) => {
  const { monitor, machine, probes, downs, advance } = aMonitor();
  machine.isAlive = false;
  monitor.expect(w1, 5_000);
  await advance(7_999);
  t.deepEqual(probes, []);
  await advance(1);
  t.deepEqual(downs, ['w1 at 8000: machine does not answer']);
});

test('a node without an address, or with a failing probe, counts as not answering', async (t) => {
  const { monitor, machine, probes, downs, advance } = aMonitor();
  machine.address = undefined;
  monitor.connected(w1);
  await advance(3_000);
  t.deepEqual(probes, []);
  machine.address = '192.0.2.1';
  machine.probe = () => Promise.reject(new Error('no route'));
  monitor.connected(w2);
  await advance(3_000);
  t.deepEqual(downs, [
    'w1 at 3000: machine does not answer',
    'w2 at 6000: machine does not answer',
  ]);
});

test('forgotten nodes are not monitored, not even by a probe in flight', async (t) => {
  const { monitor, machine, downs, advance } = aMonitor();
  let answer: (isAlive: boolean) => void = () => undefined;
  machine.probe = () =>
    new Promise((resolve) => {
      answer = resolve;
    });
  monitor.connected(w1);
  monitor.connected(w2);
  await advance(1_000);
  monitor.forget(w2);
  await advance(2_000);
  monitor.forget(w1);
  answer(false);
  await advance(60_000);
  monitor.recordMessage(w1);
  monitor.disconnected(w1);
  await advance(60_000);
  t.deepEqual(downs, []);
});

test('a stopped monitor follows neither known nor new nodes', async (t) => {
  const { monitor, probes, advance } = aMonitor();
  monitor.connected(w1);
  monitor.stop();
  monitor.connected(w2);
  monitor.expect(w1, 0);
  await advance(60_000);
  t.deepEqual(probes, []);
});
