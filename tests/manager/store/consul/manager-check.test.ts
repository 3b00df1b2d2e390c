import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isInvalid } from '../../../../manager/common/base/errors.js';
import type { Leader } from '../../../../manager/store/election.js';
import { ManagerCheck, managerServiceId } from '../../../../manager/store/consul/manager-check.js';
import { ConsulState } from '../../../helpers/fakes/consul-state.js';
import { clientOfPorts, startFakeServer } from '../../../helpers/fakes/fake-consul.js';
import { ManualClock } from '../../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';
import { until } from '../../../helpers/until.js';

async function newCheck(
  t: ExecutionContext,
  self: Leader = { nodeId: 'm1', address: '10.0.0.1:7070' },
): Promise<{
  readonly state: ConsulState;
  readonly check: ManagerCheck;
  readonly clock: ManualClock;
}> {
  const clock = new ManualClock();
  const state = new ConsulState();
  const { port } = await startFakeServer(t, state.answer);
  const client = clientOfPorts(t, [port]);
  const options = { cluster: 'test', clusterId: 'c1', self, elapsed: () => clock.elapsed() };
  const check = new ManagerCheck({ ...options, client, log: silentLogger });
  t.teardown(() => check.stop());
  return { state, check, clock };
}

const id = 'service:shoal-manager-test-m1';

test.serial(
  'a manager is a service with its cluster, address and a check that passes at once',
  async (t) => {
    const { state, check } = await newCheck(t);
    t.is(check.id, id);
    await check.start();
    t.deepEqual([...state.services.keys()], [managerServiceId('test', 'm1')]);
    t.like(state.services.get('shoal-manager-test-m1'), {
      Name: 'shoal-manager',
      Tags: ['test'],
      Meta: { cluster: 'test', 'cluster-id': 'c1', node: 'm1' },
      Address: '10.0.0.1',
      Port: 7070,
      Check: { CheckID: id, TTL: '700ms', Status: 'passing', DeregisterCriticalServiceAfter: '1h' },
    });
  },
);

test.serial('the check passes again and again until it is stopped', async (t) => {
  const { state, check } = await newCheck(t);
  await check.start();
  const { services } = state;
  const first = services.get('shoal-manager-test-m1');
  await check.start();
  t.is(services.get('shoal-manager-test-m1'), first);
  await until('some passes', 10_000, () => (state.passes.get(id) ?? 0) >= 3);
  await check.stop();
  t.is(services.size, 0);
});

test.serial('a check whose answer is slow is not sent again meanwhile', async (t) => {
  const slow = await newCheck(t);
  const other = await newCheck(t);
  await slow.check.start();
  let asked = 0;
  let go = (): void => undefined;
  const held = new Promise<void>((resolve) => {
    go = resolve;
  });
  slow.state.intercept = async ({ line }) => {
    if (!line.includes('/check/pass/')) return undefined;
    asked += 1;
    await held;
    return {};
  };
  await until('the slow pass', 10_000, () => asked === 1);
  await other.check.start();
  await until('passes of another check', 10_000, () => (other.state.passes.get(id) ?? 0) >= 3);
  t.is(asked, 1);
  go();
  await until('the next pass', 10_000, () => asked >= 2);
});

test.serial('a check that the agent no longer knows is registered again', async (t) => {
  const { state, check } = await newCheck(t);
  await check.start();
  state.services.clear();
  await until('the registration', 10_000, () => state.services.size === 1);
  await until('a pass', 10_000, () => (state.passes.get(id) ?? 0) >= 1);
  t.is(state.services.size, 1);
});

test.serial(
  'a silent check says for how long, and is heard again after the next pass',
  async (t) => {
    const { state, check, clock } = await newCheck(t);
    clock.advance(50);
    t.is(check.silentMs, 50);
    await check.start();
    t.is(check.silentMs, 0);
    let refused = 0;
    state.intercept = () => {
      refused += 1;
      return { status: 500, body: 'rpc error' };
    };
    await until('refused passes', 10_000, () => refused >= 2);
    clock.advance(3_000);
    t.is(check.silentMs, 3_000);
    state.intercept = undefined;
    await until('the next pass', 10_000, () => check.silentMs === 0);
    t.pass();
  },
);

test.serial('a stop while Consul is away ends the check all the same', async (t) => {
  const { state, check } = await newCheck(t);
  await check.start();
  state.intercept = () => ({ status: 500, body: 'rpc error' });
  await t.notThrowsAsync(check.stop());
});

test.serial(
  'an IPv6 address is registered without its brackets, an address without port refused',
  async (t) => {
    const { state, check } = await newCheck(t, { nodeId: 'm1', address: '[fd00::1]:7070' });
    await check.start();
    t.like(state.services.get('shoal-manager-test-m1'), { Address: 'fd00::1', Port: 7070 });
    for (const address of ['10.0.0.1', ':7070', '10.0.0.1:port', '10.0.0.1:7.5']) {
      const { check: wrong } = await newCheck(t, { nodeId: 'm1', address });
      const error = await t.throwsAsync(wrong.start());
      t.true(isInvalid(error));
      t.is(error.message, `manager address must be HOST:PORT, not ${address}`);
    }
  },
);
