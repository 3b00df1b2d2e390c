import test from 'ava';
import { findContainer } from '../../../../manager/gateway/find-container.js';
import { aNode, aService, aTask, aVolume } from '../../../../fixtures/cluster/build.js';
import {
  anonymousVolumesOf,
  requireNode,
  requireUp,
} from '../../../../manager/gateway/handlers/remove.js';
import { createHeld, gatewayScene } from '../../../helpers/managers/gateway-scene.js';
import { createManagerPki } from '../../../helpers/managers/test-manager.js';
import { ids, view } from '../../../helpers/stores/container-view.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';
import { until } from '../../../helpers/until.js';

test('a container on a machine that is down can be removed, but not started', async (t) => {
  const lost = findContainer(await view(), ids.lost);
  t.notThrows(() => {
    requireNode(lost, 'remove');
  });
  t.throws(() => requireUp(lost, 'start'), {
    message: 'cannot start container demo-web-3: node gamma is down',
  });
});

test('nothing is done with a container whose machine may answer at any moment', async (t) => {
  const lost = findContainer(await view(), ids.lost);
  const { status } = lost.node;
  const silent = {
    ...lost,
    node: { ...lost.node, status: { ...status, state: 'unknown' as const } },
  };
  for (const check of [requireNode, requireUp]) {
    t.throws(() => check(silent, 'remove'), { message: /node gamma is unknown$/u });
  }
  const up = { ...lost, node: { ...lost.node, status: { ...status, state: 'ready' as const } } };
  for (const check of [requireNode, requireUp]) {
    t.notThrows(() => {
      check(up, 'stop');
    });
  }
});

test('the anonymous volumes of a container stay as long as another container borrows them', async (t) => {
  const store = await openTestStore();
  const mount = { type: 'volume', target: '/data', readOnly: false, noCopy: false } as const;
  const mounts = [
    { ...mount, source: 'unnamed' },
    { ...mount, source: 'data' },
  ];
  const own = aService('own', { task: { container: { mounts } } });
  const id = 'a'.repeat(64);
  const unnamed = aVolume('unnamed', ['n1']);
  const labels = { 'com.docker.volume.anonymous': '' };
  await store.update('restore', (tx) => {
    tx.create('nodes', aNode('n1'));
    tx.create('volumes', { ...unnamed, spec: { ...unnamed.spec, labels } });
    tx.create('volumes', aVolume('data', ['n1']));
    tx.create('services', own);
    tx.create('tasks', aTask(own, 1, { node: 'n1', status: { containerId: id } }));
  });
  const volumes = (): readonly string[] =>
    anonymousVolumesOf(store.view, findContainer(store.view, id));
  t.deepEqual(volumes(), ['unnamed']);
  await store.update('restore', (tx) => {
    const hostConfig = { VolumesFrom: [`${id}:ro`] };
    tx.create('services', aService('borrower', { task: { container: { hostConfig } } }));
  });
  t.deepEqual(volumes(), []);
});

test('rm -v removes the anonymous volumes of a container and leaves named ones', async (t) => {
  const { api, workers } = await gatewayScene(t, await createManagerPki());
  for (const worker of workers) {
    worker.answer = ({ name }) => (name === 'inspectImage' ? { Id: 'sha256:1' } : null);
  }
  const volumes = async (): Promise<readonly string[]> => {
    const listed = (await api.json('/volumes')) as {
      readonly Volumes: { readonly Name: string }[];
    };
    return listed.Volumes.map(({ Name }) => Name);
  };
  const create = async (name: string, containerId: string): Promise<void> => {
    const making = api.request('POST', `/containers/create?name=${name}`, {
      ...{ Image: 'busybox', HostConfig: { Binds: ['/cache', 'data:/data'] } },
    });
    await createHeld(workers, containerId);
    t.is((await making).status, 201);
  };
  await create('one', 'c0ffee01');
  t.is((await volumes()).length, 2);
  t.is((await api.request('DELETE', '/containers/one')).status, 204);
  t.is((await volumes()).length, 2);
  await create('two', 'c0ffee02');
  t.is((await volumes()).length, 3);
  t.is((await api.request('DELETE', '/containers/two?v=1')).status, 204);
  await until('the volume is removed', 60_000, async () => (await volumes()).length === 2);
  t.true((await volumes()).includes('data'));
});
