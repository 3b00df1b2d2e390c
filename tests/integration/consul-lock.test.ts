import type { ExecutionContext } from 'ava';
import { AppError } from '../../manager/common/base/errors.js';
import { silentLogger } from '../helpers/fakes/silent-logger.js';
import { newId } from '../../manager/common/base/random.js';
import { ConsulClient } from '../../manager/store/consul/client.js';
import { ConsulLock } from '../../manager/store/consul/lock.js';
import { consulTest, sharedConsul } from '../helpers/consul/consul.js';

const shared = sharedConsul();
const self = { nodeId: 'm1', address: '127.0.0.1:7070' };

/** Consul while its servers elect a leader: every call fails. */
class LeaderlessClient extends ConsulClient {
  leaderless = false;

  override call<T>(...args: Parameters<typeof ConsulClient.prototype.call<T>>): Promise<T> {
    if (this.leaderless) return Promise.reject(new AppError('unavailable', 'no cluster leader'));
    return super.call(...args);
  }
}

function lockOf(
  t: ExecutionContext,
  cluster: string,
): { client: LeaderlessClient; lock: ConsulLock } {
  const [host = '', port = ''] = (shared().addresses[0] ?? '').split(':');
  const client = new LeaderlessClient({ servers: [{ host, port: Number(port) }], prefix: 'shoal' });
  const log = silentLogger;
  const lock = new ConsulLock({ client, log, prefix: 'shoal', cluster, clusterId: cluster, self });
  t.teardown(async () => {
    await lock.close();
    client.close();
  });
  return { client, lock };
}

async function sessionsOf(client: ConsulClient): Promise<readonly { readonly TTL: string }[]> {
  const all = await client.call((consul) => consul.session.list());
  return all;
}

consulTest('a manager that failed to release the lock can acquire it again', async (t) => {
  const { client, lock } = lockOf(t, newId());
  const first = await lock.acquire(AbortSignal.timeout(20_000));
  client.leaderless = true;
  await first.release();
  client.leaderless = false;
  const second = await lock.acquire(AbortSignal.timeout(20_000));
  t.true(second.fence.index > first.fence.index, 'writes of the first term are refused');
  t.false(second.lost.aborted);
  await second.release();
  t.deepEqual(await sessionsOf(client), [], 'no session is left behind');
});

consulTest(
  'a manager that restarts before Consul expires its session does not wait for its own lock',
  async (t) => {
    const cluster = newId();
    const before = await lockOf(t, cluster).lock.acquire(AbortSignal.timeout(20_000));
    const after = await lockOf(t, cluster).lock.acquire(AbortSignal.timeout(20_000));
    t.true(after.fence.index > before.fence.index);
    await after.release();
  },
);

consulTest(
  'the session of a holder has a TTL, so that Consul expires it without health checks',
  async (t) => {
    const { client, lock } = lockOf(t, newId());
    const held = await lock.acquire(AbortSignal.timeout(20_000));
    t.deepEqual(
      (await sessionsOf(client)).map(({ TTL }) => TTL),
      ['10s'],
    );
    await held.release();
  },
);
