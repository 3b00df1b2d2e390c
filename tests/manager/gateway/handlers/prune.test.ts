import test from 'ava';
import { encodeStreamFrame } from '../../../../manager/common/protocol/frames.js';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { createManagerPki } from '../../../helpers/managers/test-manager.js';
import {
  containerNames,
  createHeld,
  gatewayScene,
} from '../../../helpers/managers/gateway-scene.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

test("prune removes a client's stopped container and frees its network", async (t) => {
  const { api, workers } = await gatewayScene(t, pki);
  for (const worker of workers) {
    worker.answer = ({ name }) => (name === 'inspectImage' ? { Id: 'sha256:1' } : null);
    worker.serve = async (_request, stream) => {
      await stream.send(JSON.stringify({ status: 200, headers: {} }));
      await stream.send(encodeStreamFrame('stdout', JSON.stringify({ SizeRw: 7 })));
      await stream.send(encodeStreamFrame('exit', '0'));
      await stream.ended;
    };
  }
  await api.request('POST', '/networks/create', { Name: 'front' });
  const making = api.request('POST', '/containers/create?name=own', {
    ...{ Image: 'busybox', HostConfig: { NetworkMode: 'front' } },
  });
  await createHeld(workers, 'c0ffee');
  t.like(JSON.parse((await making).body), { Id: 'c0ffee' });
  t.is((await api.request('DELETE', '/networks/front')).status, 409);
  const pruned = await api.request('POST', '/containers/prune');
  t.deepEqual(JSON.parse(pruned.body), { ContainersDeleted: ['c0ffee'], SpaceReclaimed: 7 });
  const left = ['/demo-redis-1', '/demo-web-1', '/demo-web-2'];
  t.deepEqual(await containerNames(api, '?all=1'), left);
  t.is((await api.request('DELETE', '/networks/front')).status, 204);
});
