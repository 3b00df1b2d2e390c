import test from 'ava';
import { aNetwork, aServiceSpec, aVolume } from '../../../fixtures/cluster/build.js';
import type { ConfigId, SecretId } from '../../../manager/common/model/ids.js';
import type { FileMount } from '../../../manager/common/model/container.js';
import { missingReference } from '../../../manager/store/references.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

function aFile(kind: 'secret' | 'config', source: string): FileMount {
  return { kind, source, target: `/run/${source}`, mode: 0o400 } as FileMount;
}

const spec = aServiceSpec('web', {
  task: {
    networks: [{ network: 'net', aliases: [] }] as never,
    container: {
      mounts: [{ type: 'volume', source: 'vol', target: '/v', readOnly: false, noCopy: false }],
      files: [aFile('secret', 'sec'), aFile('config', 'conf')],
    },
  },
});

const data = (name: string): { readonly spec: object; readonly data: string } => ({
  spec: { name, project: 'demo', key: name, labels: {} },
  data: '',
});

test('references are looked for in order, until all of them exist', async (t) => {
  const store = await openTestStore();
  const missing = (): unknown => missingReference(store.view, spec);
  t.deepEqual(missing(), { kind: 'network', name: 'net' });
  await store.update('restore', (tx) => tx.create('networks', aNetwork('net')));
  t.deepEqual(missing(), { kind: 'volume', name: 'vol' });
  await store.update('restore', (tx) => tx.create('volumes', aVolume('vol')));
  t.deepEqual(missing(), { kind: 'secret', name: 'sec' });
  await store.update('restore', (tx) =>
    tx.create('secrets', { id: 's1' as SecretId, ...data('sec') } as never),
  );
  t.deepEqual(missing(), { kind: 'config', name: 'conf' });
  await store.update('restore', (tx) =>
    tx.create('configs', { id: 'c1' as ConfigId, ...data('conf') } as never),
  );
  t.is(missing(), undefined);
});

test('a network or volume that is being removed is missing', async (t) => {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    tx.create('networks', { ...aNetwork('net'), removing: true });
    tx.create('volumes', { ...aVolume('vol'), removing: true });
  });
  t.deepEqual(missingReference(store.view, spec), { kind: 'network', name: 'net' });
  const other = { ...spec, task: { ...spec.task, networks: [] } };
  t.deepEqual(missingReference(store.view, other), { kind: 'volume', name: 'vol' });
});
