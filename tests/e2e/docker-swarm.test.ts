import { spawn } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { E2eCluster } from '../helpers/lab/e2e-cluster.js';
import { resultOf } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { leaveSharedCluster, openSharedCluster } from '../helpers/lab/shared-cluster.js';
import type { ProgramResult } from '../helpers/program/shoal-program.js';
import { until } from '../helpers/until.js';

/* Swarm mode's own commands of the stock docker client: service, stack, node, secret, config, swarm. */

const busybox = 'shoal-test/busybox:latest';
const hasLab = process.platform === 'linux' && process.getuid?.() === 0;

let cluster: E2eCluster | undefined;
let env: Readonly<Record<string, string | undefined>> = {};

test.before(async () => {
  if (!hasLab) return;
  cluster = await openSharedCluster();
  const printed = await cluster.output(['env', '--shell', 'bash']);
  const exported = [...printed.matchAll(/^export (\w+)="(.*)"$/gmu)];
  env = {
    ...{ PATH: process.env.PATH, HOME: cluster.home },
    ...Object.fromEntries(exported.map(([, name = '', value = '']) => [name, value])),
  };
});

test.after.always(() => leaveSharedCluster(cluster));

async function run(argv: readonly string[], input = ''): Promise<ProgramResult> {
  const child = spawn('docker', argv, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  return await resultOf(child);
}

async function docker(...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(argv);
  if (code !== 0) throw new Error(`docker ${argv.join(' ')} ended with ${String(code)}: ${stderr}`);
  return stdout.trimEnd();
}

/** Runs a docker command that must fail; returns its errors. */
async function failure(...argv: readonly string[]): Promise<string> {
  const { code, stderr } = await run(argv);
  if (code === 0) throw new Error(`docker ${argv.join(' ')} succeeded`);
  return stderr;
}

/** Waits until the logs of a service have a text. */
async function logged(text: string, ...argv: readonly string[]): Promise<void> {
  await until(`the logs have ${text}`, 30_000, async () =>
    (await docker('service', 'logs', ...argv)).includes(text),
  );
}

machineTest('a service is created, scaled, updated, rolled back and removed', async (t) => {
  await docker('network', 'create', '-d', 'overlay', 'front');
  const flags = [
    ...[
      '--name',
      'api',
      '--replicas',
      '2',
      '--network',
      'front',
      '--constraint',
      'node.role!=none',
    ],
    ...['--env', 'WHERE={{.Node.Hostname}}/{{.Task.Slot}}', '--update-monitor', '1s'],
    ...['--rollback-monitor', '1s', '--stop-grace-period', '1s', '--restart-delay', '1s'],
    ...['--limit-memory', '32m', '--mount', 'type=tmpfs,target=/scratch', '-q'],
  ];
  const script = 'echo at $WHERE; exec sleep 10000';
  await docker('service', 'create', ...flags, busybox, 'sh', '-c', script);
  t.is(
    await docker('service', 'ls', '--format', '{{.Name}} {{.Mode}} {{.Replicas}}'),
    'api replicated 2/2',
  );
  const placed = await docker('service', 'ps', 'api', '--format', '{{.Name}} {{.CurrentState}}');
  t.regex(placed, /^api\.1 Running .*\napi\.2 Running /u);
  await logged('| at ', 'api');
  t.regex(await docker('service', 'logs', 'api'), /api\.[12]\.\w+@\S+ +\| at \S+\/[12]/u);
  const pretty = await docker('service', 'inspect', '--pretty', 'api');
  t.regex(pretty, /Name:\s+api\n[^]*Replicas:\s+2\n/u);
  await docker('service', 'scale', 'api=3');
  t.is(await docker('service', 'ls', '-q', '--filter', 'name=api').then((ids) => ids.length), 12);
  await docker('service', 'update', '-q', '--env-add', 'NEW=1', 'api');
  const envOf = (): Promise<string> =>
    docker('service', 'inspect', '-f', '{{.Spec.TaskTemplate.ContainerSpec.Env}}', 'api');
  t.regex(await envOf(), /NEW=1/u);
  await docker('service', 'rollback', '-q', 'api');
  t.notRegex(await envOf(), /NEW=1/u);
  t.regex(await failure('service', 'create', '--name', 'api', busybox), /already exists/u);
  t.regex(
    await failure('service', 'update', '--replicas', '2', 'nosuch'),
    /service nosuch not found/u,
  );
  await docker('service', 'rm', 'api');
  t.regex(await failure('service', 'inspect', 'api'), /no such service: api/u);
  await docker('network', 'rm', 'front');
});

machineTest('global services and jobs', async (t) => {
  await docker(
    'service',
    'create',
    '-q',
    '--name',
    'every',
    '--mode',
    'global',
    busybox,
    'sleep',
    '10000',
  );
  t.is(
    await docker('service', 'ls', '--format', '{{.Name}} {{.Mode}} {{.Replicas}}'),
    'every global 3/3',
  );
  await docker('service', 'rm', 'every');
  const job = [
    '--mode',
    'replicated-job',
    '--replicas',
    '3',
    '--max-concurrent',
    '1',
    '--name',
    'load',
  ];
  await docker('service', 'create', '-q', ...job, busybox, 'true');
  t.regex(
    await docker('service', 'ls', '--format', '{{.Mode}} {{.Replicas}}'),
    /^replicated job 0\/1 \(3\/3 completed\)$/u,
  );
  await docker('service', 'rm', 'load');
});

machineTest('secrets and configs are mounted and stay while in use', async (t) => {
  const created = await run(['secret', 'create', '--label', 'a=b', 'key', '-'], 'hidden');
  t.is(created.code, 0, created.stderr);
  t.is((await run(['config', 'create', 'conf', '-'], 'shown')).code, 0);
  t.is(await docker('secret', 'ls', '--format', '{{.Name}}', '--filter', 'label=a=b'), 'key');
  t.is(await docker('config', 'inspect', '-f', '{{json .Spec.Data}}', 'conf'), '"c2hvd24="');
  const script = 'cat /run/secrets/key /conf; echo; exec sleep 10000';
  const mounts = ['--secret', 'key', '--config', 'source=conf,target=/conf'];
  await docker('service', 'create', '-q', '--name', 'user', ...mounts, busybox, 'sh', '-c', script);
  await logged('hiddenshown', '--raw', 'user');
  t.regex(await failure('secret', 'rm', 'key'), /in use by the following service: user/u);
  await docker('service', 'rm', 'user');
  await docker('secret', 'rm', 'key');
  await docker('config', 'rm', 'conf');
});

machineTest('a stack is a project for shoal and a project a stack for docker', async (t) => {
  if (cluster === undefined) throw new Error('no cluster');
  const file = join(cluster.home, 'stack.yaml');
  const stack = (environment: string): string => `version: "3.8"
services:
  web:
    image: ${busybox}
    command: sleep 10000
    stop_grace_period: 1s
    environment: { A: "${environment}" }
    deploy: { replicas: 2, update_config: { monitor: 1s } }
    secrets: [token]
  db:
    image: ${busybox}
    command: sleep 10000
    stop_grace_period: 1s
secrets:
  token: { file: ./token }
`;
  await writeFile(join(cluster.home, 'token'), 'x');
  await writeFile(file, stack('1'));
  const deploy = (...more: readonly string[]): Promise<string> =>
    docker('stack', 'deploy', '-q', '-c', file, '--detach=false', ...more, 'shop');
  await deploy();
  t.is(await docker('stack', 'ls', '--format', '{{.Name}} {{.Services}}'), 'shop 2');
  const services = await docker('stack', 'services', 'shop', '--format', '{{.Name}} {{.Replicas}}');
  t.deepEqual(services.split('\n').sort(), ['shop_db 1/1', 'shop_web 2/2']);
  t.is((await docker('stack', 'ps', '-q', 'shop')).split('\n').length, 3);
  t.regex(await cluster.output(['ls']), /shop/u);
  const db = await docker('service', 'ps', '-q', 'shop_db');
  await writeFile(file, stack('2'));
  await deploy();
  t.is(await docker('service', 'ps', '-q', 'shop_db'), db, 'an unchanged service keeps its tasks');
  t.regex(
    await docker(
      'service',
      'inspect',
      '-f',
      '{{.Spec.TaskTemplate.ContainerSpec.Env}}',
      'shop_web',
    ),
    /A=2/u,
  );
  await docker('stack', 'rm', 'shop');
  await until(
    'the stack is gone',
    60_000,
    async () => (await docker('stack', 'ls', '--format', '{{.Name}}')) === '',
  );
  t.is(await docker('secret', 'ls', '-q'), '');
  await until('its network is gone', 60_000, async () => {
    const names = await docker(
      'network',
      'ls',
      '--format',
      '{{.Name}}',
      '--filter',
      'label=com.docker.stack.namespace=shop',
    );
    return names === '';
  });
});

machineTest('nodes are listed, labelled, paused and filtered', async (t) => {
  const names = (await docker('node', 'ls', '--format', '{{.Hostname}} {{.Status}}')).split('\n');
  t.is(names.length, 3);
  t.true(names.every((line) => line.endsWith(' Ready')));
  const [first = ''] = (await docker('node', 'ls', '-q')).split('\n');
  await docker('node', 'update', '--label-add', 'disk=ssd', '--availability', 'pause', first);
  t.is(await docker('node', 'ls', '-q', '--filter', 'node.label=disk=ssd'), first);
  t.regex(await docker('node', 'inspect', '--pretty', first), /Availability:\s+Pause/u);
  await docker('node', 'update', '--label-rm', 'disk', '--availability', 'active', first);
  t.regex(
    await docker('info', '--format', '{{.Swarm.LocalNodeState}} {{.Swarm.Nodes}}'),
    /^active 3$/u,
  );
  t.regex(await failure('swarm', 'init'), /already part of a swarm/u);
  t.regex(await failure('swarm', 'leave'), /shoal machine rm/u);
  t.regex(await docker('swarm', 'join-token', 'worker'), /shoal token create/u);
  t.regex(await failure('swarm', 'unlock-key'), /no unlock key is set/u);
});
