import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { parseCopyEndpoint, resolveCopyTarget } from '../../../cli/commands/container/cp.js';
import type { OneOffOptions } from '../../../cli/rollout/run-spec.js';
import { oneOffSpec, splitShellWords } from '../../../cli/rollout/run-spec.js';
import { staleServices } from '../../../cli/rollout/up-images.js';

const wish: OneOffOptions = {
  slug: '0123456789ab',
  command: [],
  env: {},
  labels: {},
  volumes: [],
  publish: [],
  servicePorts: false,
  useAliases: false,
  deps: true,
  tty: false,
  stdin: false,
  cwd: '/here',
  volumeNames: { data: 'p_data' },
};

const { spec } = aService('web');

test('a one-off container has its own name and no restarts, ports or aliases of its service', (t) => {
  const port = { target: 80, protocol: 'tcp', mode: 'host', published: 8080 } as const;
  const base = {
    ...spec,
    task: { ...spec.task, ports: [port], networks: [{ network: 'n', aliases: ['x'] }] },
  };
  const run = oneOffSpec(base, { ...wish, command: ['echo', 'a'], env: { A: 'b' } });
  t.is(run.service, `${spec.service}-run-0123456789ab`);
  t.is(run.task.container.containerName, `${spec.project}-${spec.service}-run-0123456789ab`);
  t.is(run.task.container.labels['com.docker.compose.oneoff'], 'True');
  t.deepEqual(run.task.container.command, ['echo', 'a']);
  t.deepEqual(run.task.container.engineRestart, { name: 'no' });
  t.is(run.task.container.env.A, 'b');
  t.deepEqual(run.task.ports, []);
  t.deepEqual(run.task.networks, [{ network: 'n', aliases: [] }]);
  const published = oneOffSpec(base, { ...wish, servicePorts: true, publish: ['9000:90/udp'] });
  t.deepEqual(published.task.ports, [
    port,
    { target: 90, protocol: 'udp', mode: 'host', published: 9000 },
  ]);
});

test('volumes of run are local folders, volumes of the file, or other volumes of the cluster', (t) => {
  const run = oneOffSpec(spec, { ...wish, volumes: ['./x:/x:ro', 'data:/d', 'other:/o'] });
  const sources = run.task.container.mounts.map((mount) => ('source' in mount ? mount.source : ''));
  t.deepEqual(sources.slice(-3), ['/here/x', 'p_data', 'other']);
  const error = t.throws(() => oneOffSpec(spec, { ...wish, publish: ['nonsense'] }));
  t.regex(error.message, /^invalid --publish "nonsense": /u);
});

test('an entrypoint is split into words like in a shell', (t) => {
  t.deepEqual(splitShellWords(`sh -c 'a  b' "c \\"d" e\\ f`), ['sh', '-c', 'a  b', 'c "d', 'e f']);
});

test('cp resolves the same target path as docker cp', (t) => {
  t.deepEqual(parseCopyEndpoint('web:/a'), { kind: 'container', service: 'web', path: '/a' });
  t.deepEqual(parseCopyEndpoint('./a:b'), { kind: 'local', path: './a:b' });
  const file = { path: '/l/f', isFolder: false };
  const folder = { path: '/l/d', isFolder: true };
  t.deepEqual(resolveCopyTarget(file, '/to', { isFolder: true }), { folder: '/to', name: 'f' });
  t.deepEqual(resolveCopyTarget(file, '/to', { isFolder: false }), { folder: '/', name: 'to' });
  t.deepEqual(resolveCopyTarget(file, '/to', null), { folder: '/', name: 'to' });
  t.throws(() => resolveCopyTarget(file, '/to/', null), { message: /does not exist/u });
  t.deepEqual(resolveCopyTarget(folder, '/to', { isFolder: true }), { folder: '/to', name: 'd' });
  t.deepEqual(resolveCopyTarget({ ...folder, path: '/l/d/.' }, '/to', { isFolder: true }), {
    folder: '/to',
    name: '',
  });
  t.deepEqual(resolveCopyTarget(folder, '/new', null), { folder: '/', name: 'new' });
  t.throws(() => resolveCopyTarget(folder, '/to', { isFolder: false }), { message: /over file/u });
});

function liveTask(service: string, node: string, imageId?: string) {
  return aTask(aService(service), 1, {
    node,
    ...(imageId === undefined ? {} : { status: { imageId } }),
  });
}

test('a service is stale only if a container and its node have different images', (t) => {
  const images = new Map([
    ['a', 'x:1'],
    ['b', 'x:1'],
    ['c', 'y:1'],
  ]);
  const found = new Map([
    [
      'x:1',
      [
        { nodeId: 'n1', id: 'new' },
        { nodeId: 'n2', id: 'old' },
      ],
    ],
  ]);
  const stale = staleServices(
    [liveTask('a', 'n1', 'old'), liveTask('b', 'n2', 'old'), liveTask('c', 'n1', 'other')],
    images,
    found,
  );
  t.deepEqual(stale, ['a']);
});
