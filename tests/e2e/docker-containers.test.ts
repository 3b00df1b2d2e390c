import { spawn } from 'node:child_process';
import { join } from 'node:path';
import test from 'ava';
import { findDockerCompose } from '../../fixtures/docker-compose/program.js';
import type { E2eCluster } from '../helpers/lab/e2e-cluster.js';
import { resultOf } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { leaveSharedCluster, openSharedCluster } from '../helpers/lab/shared-cluster.js';
import type { ProgramResult } from '../helpers/program/shoal-program.js';

/* The stock docker client and docker compose create containers, networks and volumes. */

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

async function run(program: string, argv: readonly string[]): Promise<ProgramResult> {
  return resultOf(spawn(program, argv, { env, stdio: ['ignore', 'pipe', 'pipe'] }));
}

/** Standard output of a program that must succeed, without its last line end. */
async function output(program: string, ...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await run(program, argv);
  if (code !== 0)
    throw new Error(`${program} ${argv.join(' ')} ended with ${String(code)}: ${stderr}`);
  return stdout.trimEnd();
}

const docker = (...argv: readonly string[]): Promise<string> => output('docker', ...argv);

/** Runs a docker command that must fail; returns its errors. */
async function failure(...argv: readonly string[]): Promise<string> {
  const { code, stderr } = await run('docker', argv);
  if (code === 0) throw new Error(`docker ${argv.join(' ')} succeeded`);
  return stderr;
}

machineTest('containers of a created network reach each other by name', async (t) => {
  await docker('network', 'create', 'front');
  await docker('volume', 'create', 'data');
  await docker(
    ...['run', '-d', '--name', 'web', '--network', 'front', '-v', 'data:/data', busybox],
    ...['sleep', '10000'],
  );
  const ping = ['run', '--rm', '--network', 'front', busybox, 'ping', '-c', '1', 'web'];
  t.regex(await docker(...ping), /1 packets received/u);
  t.is(await docker('inspect', '-f', '{{.Config.StopTimeout}}', 'web'), '<nil>');
  t.regex(await failure('network', 'create', 'front'), /network with name front already exists/u);
  t.regex(await failure('network', 'rm', 'front'), /has active endpoints \(name:"web"/u);
  t.regex(await failure('volume', 'rm', 'data'), /volume is in use - \[[0-9a-f]{64}\]/u);
  await docker('stop', '-t', '0', 'web');
  t.regex(await docker('container', 'prune', '-f'), /^Deleted Containers:\n[0-9a-f]{64}\n/u);
  await docker('volume', 'rm', 'data');
  await docker('network', 'rm', 'front');
  t.is(await docker('ps', '-aq'), '');
});

machineTest('a running container joins and leaves a network', async (t) => {
  await docker('network', 'create', 'front');
  await docker('network', 'create', '--subnet', '10.77.0.0/24', 'back');
  for (const [name, network] of [
    ['web', 'front'],
    ['db', 'back'],
  ] as const) {
    await docker('run', '-d', '--name', name, '--network', network, busybox, 'sleep', '10000');
  }
  const reaches = async (from: string, to: string): Promise<boolean> => {
    const { code } = await run('docker', ['exec', from, 'ping', '-c', '1', '-w', '5', to]);
    return code === 0;
  };
  t.false(await reaches('db', 'shop'));
  await docker('network', 'connect', '--alias', 'shop', '--ip', '10.77.0.77', 'back', 'web');
  t.true(await reaches('db', 'shop'));
  t.true(await reaches('web', 'db'));
  t.regex(await failure('network', 'connect', 'back', 'web'), /already exists in network back/u);
  await docker('restart', '-t', '0', 'web');
  t.true(await reaches('db', 'shop'), 'the next run has the network');
  await docker('network', 'disconnect', 'back', 'web');
  t.false(await reaches('db', 'shop'));
  t.regex(await failure('network', 'disconnect', 'back', 'web'), /is not connected to network/u);
  await docker('rm', '-f', 'web', 'db');
  await docker('network', 'rm', 'front', 'back');
});

machineTest('docker compose runs a project and removes it', async (t) => {
  const program = await findDockerCompose();
  if ('missing' in program) throw new Error(program.missing);
  if (cluster === undefined) throw new Error('no cluster');
  const service = `image: ${busybox}\n    command: sleep 10000\n    stop_grace_period: 1s`;
  const folder = await cluster.project(
    'stock',
    `services:\n  web:\n    ${service}\n    scale: 2\n    depends_on: [db]\n  db:\n    ${service}\n    volumes: [data:/data]\nvolumes:\n  data:\n`,
  );
  const file = join(folder, 'compose.yaml');
  const compose = (...argv: readonly string[]): Promise<string> =>
    output(program.path, '-f', file, ...argv);
  await compose('up', '-d');
  const names = (await compose('ps', '--format', '{{.Name}}')).split('\n').sort();
  t.deepEqual(names, ['stock-db-1', 'stock-web-1', 'stock-web-2']);
  t.regex(await compose('exec', '-T', 'web', 'ping', '-c', '1', 'db'), /1 packets received/u);
  const before = await docker('ps', '-q', '--no-trunc');
  await compose('up', '-d');
  t.is(await docker('ps', '-q', '--no-trunc'), before, 'a second up changes nothing');
  const rows = await cluster.ps([], folder);
  t.deepEqual(rows.map(({ Service }) => Service).sort(), ['db', 'web', 'web']);
  await cluster.output(['up', '-d'], folder);
  t.is(await docker('ps', '-q', '--no-trunc'), before, 'shoal up takes the containers over');
  t.regex(await cluster.output(['explain', 'web'], folder), /^service web: 2 desired, 2 running/u);
  await compose('up', '-d');
  t.is(await docker('ps', '-q', '--no-trunc'), before, 'docker compose finds them up to date');
  await compose('up', '-d', '--scale', 'web=3');
  const scaled = (await docker('ps', '-q', '--no-trunc')).split('\n');
  t.is(scaled.length, 4);
  t.true(before.split('\n').every((id) => scaled.includes(id)));
  await cluster.output(['down', '-v'], folder);
  t.is(await docker('ps', '-aq'), '');
  t.is(await docker('network', 'ls', '-q', '--filter', 'name=stock'), '');
  t.is(await docker('volume', 'ls', '-q', '--filter', 'name=stock'), '');
});
