import test from 'ava';
import { AuditLog } from '../../../manager/control/audit-log.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { FailingBackend, open, volume, service, who } from '../../helpers/stores/journal-store.js';

test('the audit log records each requested change in the same batch and is bounded', async (t) => {
  const backend = new FailingBackend();
  const store = await open(backend);
  const audit = new AuditLog(store, { records: 3, bytes: 1e9 });
  audit.start();
  backend.fails = true;
  await t.throwsAsync(store.update('control', (tx) => tx.create('volumes', volume('a')), who));
  backend.fails = false;
  t.deepEqual(audit.read({}), []);
  await store.update('control', (tx) => tx.create('services', service), who);
  await store.update(
    'control',
    (tx) => {
      const now = tx.get('services', service.id);
      if (now === undefined) return;
      const mode = { kind: 'replicated', replicas: 4 } as const;
      tx.put('services', { ...now, spec: { ...now.spec, mode } });
    },
    { ...who, who: 'bob', action: 'service.scale' },
  );
  // A change without an origin is not audited.
  await store.update('orchestrator', (tx) => tx.create('volumes', volume('own')));
  const [made, scaled] = audit.read({});
  t.like(made, { number: 1, who: 'ada', changes: ['created service demo_web'] });
  t.like(scaled, {
    number: 2,
    who: 'bob',
    action: 'service.scale',
    changes: ['service demo_web: replicas 1 → 4'],
  });
  await audit.append({ ...who, action: 'exec' }, 'started', ['project demo, service web']);
  await store.update('control', (tx) => tx.create('volumes', volume('b')), who);
  t.deepEqual(
    audit.read({}).map(({ number }) => number),
    [2, 3, 4],
  );
  const later = new AuditLog(await open(backend), { records: 3, bytes: 1e9 });
  later.start();
  t.deepEqual(later.read({}), audit.read({}));
  t.deepEqual(
    later.read({ limit: 1 }).map(({ changes }) => changes),
    [['created volume b']],
  );
});

test('the audit log names changed fields of a secret but not its content', async (t) => {
  const store = await open(new MemoryBackend());
  const audit = new AuditLog(store);
  audit.start();
  const secret = {
    id: 's1' as never,
    spec: { name: 'password', project: 'demo', labels: {}, external: false },
    data: 'aHVudGVyMg==',
  };
  await store.update('control', (tx) => tx.create('secrets', secret as never), who);
  await store.update(
    'control',
    (tx) => {
      const now = tx.get('secrets', 's1' as never);
      if (now !== undefined) tx.put('secrets', { ...now, data: 'c2VjcmV0' });
    },
    who,
  );
  t.deepEqual(
    audit.read({}).map(({ changes }) => changes),
    [['created secret password'], ['secret password: data']],
  );
  t.false(JSON.stringify(store.view.list('audit')).includes('c2Vj'));
});

test('a flood of one client leaves the records of others, also after a restart', async (t) => {
  const backend = new MemoryBackend();
  const store = await open(backend);
  const audit = new AuditLog(store, { records: 10, bytes: 1e9 });
  audit.start();
  const seen: number[] = [];
  const stop = audit.listen(({ number }) => seen.push(number));
  await audit.append({ ...who, action: 'exec' }, 'started', ['project demo']);
  for (let each = 0; each < 30; each += 1) {
    await audit.append({ ...who, who: 'ci', action: 'logs' }, 'forbidden', ['project\nother']);
  }
  stop();
  await audit.append({ ...who, who: 'ci', action: 'logs' }, 'forbidden', []);
  t.is(seen.length, 31);
  t.is(audit.read({}).length, 10);
  t.like(audit.read({ client: 'ada' }), [{ number: 1, action: 'exec', result: 'started' }]);
  t.like(audit.read({ client: 'ci' })[0], { changes: ['project�other'], result: 'forbidden' });
  t.deepEqual(
    audit.read({ client: 'ci', after: 31 }).map(({ number }) => number),
    [32],
  );
  const later = new AuditLog(await open(backend), { records: 10, bytes: 1e9 });
  later.start();
  await later.append({ ...who, who: 'ci', action: 'logs' }, 'started', ['']);
  t.like(later.read({ limit: 1 }), [{ number: 33, changes: [] }]);
  t.is(later.read({ client: 'ada' }).length, 1);
});
