import test from 'ava';
import { aService } from '../../../fixtures/cluster/build.js';
import type { OneOffOptions } from '../../../cli/rollout/run-spec.js';
import { oneOffSpec, splitShellWords } from '../../../cli/rollout/run-spec.js';

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
  capAdd: [],
  capDrop: [],
  tty: false,
  stdin: false,
  detached: false,
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
  const compatible = oneOffSpec({ ...base, nameSeparator: '_' }, wish);
  t.is(compatible.task.container.containerName, `${spec.project}_${spec.service}_run_0123456789ab`);
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

test('capabilities of the flags are added to those of the service and win over them', (t) => {
  const container = {
    ...spec.task.container,
    hostConfig: { CapAdd: ['NET_RAW', 'CHOWN'], CapDrop: ['ALL', 'KILL'], Init: true },
  };
  const base = { ...spec, task: { ...spec.task, container } };
  const of = (flags: Partial<OneOffOptions>) =>
    oneOffSpec(base, { ...wish, ...flags }).task.container.hostConfig;
  t.deepEqual(of({}), container.hostConfig);
  t.deepEqual(of({ capAdd: ['KILL', 'NET_RAW'], capDrop: ['CHOWN'] }), {
    CapAdd: ['NET_RAW', 'KILL'],
    CapDrop: ['ALL', 'CHOWN'],
    Init: true,
  });
  t.deepEqual(oneOffSpec(spec, { ...wish, capDrop: ['ALL'] }).task.container.hostConfig, {
    ...spec.task.container.hostConfig,
    CapDrop: ['ALL'],
  });
});
