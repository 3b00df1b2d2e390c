import test from 'ava';
import { aService } from '../../../fixtures/cluster/build.js';
import type { Secret } from '../../../manager/common/model/secret.js';
import { toClusterEvents } from '../../../manager/control/cluster-events.js';
import type { StoreChange } from '../../../manager/store/store.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { open } from '../../helpers/stores/journal-store.js';

const secret = (labels: Readonly<Record<string, string>>): Secret => ({
  ...{ version: 1, createdAt: 0, updatedAt: 7 },
  id: 'x1' as Secret['id'],
  spec: { name: 'key', project: 'shop', key: 'key', labels },
  data: 'aGlkZGVu',
});

async function told(change: StoreChange): Promise<readonly object[]> {
  const { view } = await open(new MemoryBackend());
  return toClusterEvents(change, view);
}

test('secrets are created, updated and removed without their content', async (t) => {
  const change = { table: 'secrets', id: 'x1' } as const;
  const [first, second] = [secret({}), secret({ a: 'b' })];
  const events = [
    ...(await told({ ...change, after: first })),
    ...(await told({ ...change, before: first, after: second })),
    ...(await told({ ...change, before: second })),
  ];
  const common = { at: 7, type: 'secret', id: 'x1', name: 'key', project: 'shop' };
  t.deepEqual(
    events,
    ['create', 'update', 'remove'].map((action) => ({
      ...{ ...common, action, attributes: { name: 'key' } },
    })),
  );
});

test('an event of a scaled service has both numbers of replicas', async (t) => {
  const [before, after] = [aService('web', { replicas: 2 }), aService('web', { replicas: 5 })];
  const [event] = await told({ table: 'services', id: before.id, before, after });
  t.like(event, { action: 'update', attributes: { 'replicas.old': '2', 'replicas.new': '5' } });
});
