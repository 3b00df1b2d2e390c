import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { MountSpec } from '../../../../../manager/common/model/container.js';
import { EngineClient } from '../../../../../worker/executor/docker/client.js';
import {
  confinedLabel,
  hostMountsOf,
  listMountingContainers,
  listVolumeDevices,
} from '../../../../../worker/executor/docker/mounts/host-mounts.js';

const never = new AbortController().signal;

/** An engine that lists these containers and volumes. */
async function engine(
  t: ExecutionContext,
  { containers = [], volumes = [] }: { containers?: object[]; volumes?: object[] | null },
): Promise<EngineClient> {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'));
  const socket = join(folder, 'docker.sock');
  const server = createServer((request, response) => {
    response.setHeader('content-type', 'application/json');
    const isVolumes = request.url?.includes('/volumes') === true;
    response.end(JSON.stringify(isVolumes ? { Volumes: volumes } : containers));
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  return new EngineClient(socket);
}

test('volumes that bind a folder are known by its path; other devices are none', async (t) => {
  const client = await engine(t, {
    volumes: [
      { Name: 'bound', Options: { type: 'none', o: 'bind', device: '/srv/data' } },
      { Name: 'nfs', Options: { type: 'nfs', device: ':/export' } },
      { Name: 'plain', Options: null },
    ],
  });
  t.deepEqual([...(await listVolumeDevices(client, never))], [['bound', '/srv/data']]);
});

test('an engine without volumes has no devices', async (t) => {
  const client = await engine(t, { volumes: null });
  t.is((await listVolumeDevices(client, never)).size, 0);
});

test('containers mount folders by binds and by volumes that bind one', async (t) => {
  const mounts = [
    { Type: 'bind', Source: '/srv/a', RW: true },
    { Type: 'volume', Name: 'bound', Source: '/var/lib/docker/volumes/bound/_data', RW: false },
    { Type: 'volume', Name: 'plain', Source: '/var/lib/docker/volumes/plain/_data', RW: true },
    { Type: 'tmpfs', Source: '', RW: true },
  ];
  const labels = { [confinedLabel]: '["/srv/a"]' };
  const client = await engine(t, {
    containers: [{ Names: ['/shop-web-1'], Labels: labels, Mounts: mounts }],
  });
  const devices = new Map([['bound', '/srv/data']]);
  t.deepEqual(await listMountingContainers(client, devices, never), [
    {
      name: 'shop-web-1',
      mounts: [
        { source: '/srv/a', readOnly: false },
        { source: '/srv/data', readOnly: true },
      ],
      confined: ['/srv/a'],
    },
  ]);
});

test('a label that the worker did not write confines nothing', async (t) => {
  const client = await engine(t, {
    containers: ['no JSON', '{}', '[1]'].map((text) => ({ Labels: { [confinedLabel]: text } })),
  });
  const found = await listMountingContainers(client, new Map(), never);
  t.deepEqual(
    found.map(({ confined }) => confined),
    [[], [], []],
  );
});

test('own and inherited mounts lead to folders by binds and bound volumes', (t) => {
  const own: readonly MountSpec[] = [
    { type: 'bind', source: '/srv/a', target: '/a', readOnly: true, createHostPath: false },
    { type: 'volume', source: 'bound', target: '/b', readOnly: false, noCopy: false },
    { type: 'volume', target: '/c', readOnly: false, noCopy: false },
    { type: 'tmpfs', target: '/d', readOnly: false },
  ];
  const inherited = [
    { Type: 'bind', Source: '/srv/e', Target: '/e', ReadOnly: false },
    { Type: 'volume', Source: 'plain', Target: '/f' },
    { Type: 'tmpfs', Target: '/g' },
  ];
  t.deepEqual(hostMountsOf(own, inherited, new Map([['bound', '/srv/data']])), [
    { source: '/srv/a', readOnly: true },
    { source: '/srv/data', readOnly: false },
    { source: '/srv/e', readOnly: false },
  ]);
});
