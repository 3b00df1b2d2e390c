import type { ExecutionContext } from 'ava';
import test from 'ava';
import { AuthorityRetirement } from '../../../manager/ca/retirement.js';
import type { ClusterRecord, ClusterStore } from '../../../manager/store/store.js';
import type { Peer } from '../../../manager/transport/peer.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';
import { until } from '../../helpers/until.js';

interface Stage {
  readonly clock: ManualClock;
  readonly store: ClusterStore;
  readonly retirement: AuthorityRetirement;
  readonly peers: Map<string, Peer>;
  readonly asked: string[];
  readonly record: () => ClusterRecord | undefined;
}

async function stage(t: ExecutionContext, changes: Partial<ClusterRecord>): Promise<Stage> {
  const clock = new ManualClock();
  const store = await openTestStore(clock);
  const meta = { createdAt: 0, updatedAt: 0, version: 1 };
  await store.update('control', (tx) => {
    const record = { id: 'cluster', clusterId: 'c1', name: 'c', revoked: [] } as const;
    tx.create('cluster', { ...meta, ...record, ...changes });
    for (const id of ['n1', 'n2'])
      tx.create('nodes', { ...meta, id, spec: { name: id }, status: {} } as never);
  });
  const peers = new Map<string, Peer>();
  const asked: string[] = [];
  const retirement = new AuthorityRetirement({
    store,
    clock,
    log: silentLogger,
    workers: { peers: () => peers, requestRenewals: (id) => asked.push(id) },
    self: { nodeId: 'm1', authority: () => 'own' },
  });
  t.teardown(() => retirement.stop());
  const record = (): ClusterRecord | undefined => store.view.get('cluster', 'cluster');
  return { clock, store, retirement, peers, asked, record };
}

function connect({ peers }: Stage, nodeId: string, authority: string): void {
  peers.set(nodeId, { clusterId: 'c1', role: 'worker', nodeId, authority });
}

const retiring = [{ authority: 'gone', nodeId: 'm2' }];

test('the CA of this manager is recorded after the start', async (t) => {
  const { retirement, record } = await stage(t, {});
  retirement.start();
  await until('the record', 10_000, () =>
    Promise.resolve(record()?.authorities?.m1?.[0] === 'own'),
  );
  t.deepEqual(record()?.authorities, { m1: ['own'] });
});

test('the CA of another manager is recorded once', async (t) => {
  const { retirement, record } = await stage(t, {});
  await retirement.recordAuthority('m2', 'a2');
  const version = record()?.version;
  await retirement.recordAuthority('m2', 'a2');
  t.deepEqual(record()?.authorities, { m2: ['a2'] });
  t.is(record()?.version, version);
});

test('only a removed manager has CAs to retire', async (t) => {
  const { retirement, record } = await stage(t, { authorities: { m2: ['a2'] } });
  await retirement.retireManager('w1');
  t.is(record()?.retiring, undefined);
  await retirement.retireManager('m2');
  t.deepEqual(record()?.retiring, [{ authority: 'a2', nodeId: 'm2' }]);
});

test('workers renew until nobody depends on the CA; then it is refused', async (t) => {
  const staged = await stage(t, { retiring });
  const { retirement, clock, asked, record } = staged;
  connect(staged, 'n1', 'gone');
  connect(staged, 'n2', 'own');
  retirement.start();
  await until('a request', 10_000, () => Promise.resolve(asked.length > 0));
  t.true(asked.every((id) => id === 'gone'));
  t.is(record()?.refusedAuthorities, undefined);
  connect(staged, 'n1', 'own');
  await until('the end', 10_000, () => {
    clock.advance(2_000);
    return Promise.resolve(record()?.refusedAuthorities !== undefined);
  });
  t.deepEqual(record()?.refusedAuthorities, ['gone']);
  t.deepEqual(record()?.retiring, []);
});

test('a node that is away keeps the CA', async (t) => {
  const staged = await stage(t, { retiring });
  connect(staged, 'n1', 'own');
  staged.retirement.start();
  await until('a request', 10_000, () => Promise.resolve(staged.asked.length > 0));
  t.is(staged.record()?.refusedAuthorities, undefined);
});

test('a manager never refuses its own CA', async (t) => {
  const own = [{ authority: 'own', nodeId: 'm2' }];
  const staged = await stage(t, { retiring: own });
  connect(staged, 'n1', 'other');
  connect(staged, 'n2', 'other');
  staged.retirement.start();
  await until('a request', 10_000, () => Promise.resolve(staged.asked.length > 0));
  t.is(staged.record()?.refusedAuthorities, undefined);
});
