import { join } from 'node:path';
import test from 'ava';
import type { Machine } from '../../fixtures/lab/machine.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { E2eCluster, PsRow } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { openSharedCluster } from '../helpers/lab/shared-cluster.js';

/*
 * Faults on three machines, one after the other; node-1 runs the manager. Each test leaves three
 * replicas running for the next.
 */

const hasLab = process.platform === 'linux' && process.getuid?.() === 0;
const compose = `services:
  keep:
    image: shoal-test/busybox
    command: sleep 1000000
    init: true
    restart: always
    scale: 3
`;
const nodes = ['node-1', 'node-2', 'node-3'] as const;

let cluster: E2eCluster;
let folder: string;

test.before(async () => {
  if (!hasLab) return;
  cluster = await openSharedCluster();
  folder = await cluster.project('faults', compose);
});

test.after.always(async () => {
  if (hasLab) await cluster.remove();
});

function machine(name: string): Machine {
  return cluster.lab.machine(name);
}

async function running(): Promise<readonly PsRow[]> {
  return (await cluster.ps([], folder)).filter(({ State }) => State === 'running');
}

/** Waits until three slots are filled once each, on the nodes in `among`. */
async function threeRun(among: readonly string[] = nodes): Promise<readonly PsRow[]> {
  return waitFor(
    `three replicas on ${among.join(', ')}`,
    async () => {
      const rows = await running();
      const names = new Set(rows.map(({ Name }) => Name));
      const whole = rows.length === 3 && names.size === 3;
      return whole && rows.every(({ Node }) => among.includes(Node)) ? rows : undefined;
    },
    { timeoutMs: 60_000 },
  );
}

/** Every container of the project on a machine, running or not: `name id started-at`. */
async function containersOn(name: string): Promise<readonly string[]> {
  const script =
    'ids=$(docker ps -aq --no-trunc --filter label=com.docker.compose.project=faults); ' +
    '[ -z "$ids" ] || docker inspect -f "{{.Name}} {{.Id}} {{.State.StartedAt}}" $ids';
  const text = await machine(name).output(['sh', '-c', script]);
  return text.split('\n').filter((line) => line !== '');
}

async function noLeftovers(): Promise<void> {
  await waitFor('nothing but three containers, none twice', async () => {
    const up = nodes.filter((name) => machine(name).running);
    const lines = (await Promise.all(up.map((name) => containersOn(name)))).flat();
    return lines.length === 3 && new Set(lines.map((line) => line.split(' ')[0])).size === 3;
  });
}

/** Whether a container resolves and pings another one, without the control plane. */
async function reaches(from: PsRow, to: Pick<PsRow, 'Name'>): Promise<boolean> {
  const { exitCode } = await machine(from.Node).exec([
    ...['docker', 'exec', from.ID, 'ping', '-c', '1', '-W', '1', to.Name],
  ]);
  return exitCode === 0;
}

/** Number of addresses of the service's name, as a container sees it. */
async function addressesSeen(from: PsRow): Promise<number> {
  const { stdout } = await machine(from.Node).exec([
    ...['docker', 'exec', from.ID, 'nslookup', 'keep'],
  ]);
  return new Set(stdout.match(/(?<=^Address: ?)10\.[\d.]+$/gmu)).size;
}

/** Whether anything answers HTTP on a machine's published port. */
async function answers(address: string): Promise<boolean> {
  try {
    await fetch(`http://${address}:8085/`, { signal: AbortSignal.timeout(300) });
    return true;
  } catch {
    return false;
  }
}

function on(rows: readonly PsRow[], node: string): PsRow {
  const row = rows.find(({ Node }) => Node === node);
  if (row === undefined) throw new Error(`nothing runs on ${node}`);
  return row;
}

async function nodeIs(name: string, status: string): Promise<void> {
  await waitFor(
    `${name} to be ${status}`,
    async () => {
      const text = await cluster.output(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
      return text.split('\n').includes(`${name} ${status}`);
    },
    { timeoutMs: 120_000 },
  );
}

machineTest(
  'a killed engine and its killed container recover, including network and DNS name',
  async (t) => {
    const up = await cluster.run(['up', '-d', '--wait'], folder);
    t.is(up.code, 0, up.stderr);
    const rows = await threeRun();
    const [local, remote] = [on(rows, 'node-1'), on(rows, 'node-2')];
    t.true(await reaches(local, remote));
    const victim = machine('node-2');
    const pid = await victim.output(['docker', 'inspect', '-f', '{{.State.Pid}}', remote.ID]);
    await victim.output(['sh', '-c', `kill -9 $(pidof dockerd) ${pid.trim()}`]);
    await waitFor('the engine to start the container again', async () => {
      const { stdout } = await victim.exec([
        'docker',
        'inspect',
        '-f',
        '{{.State.Pid}}',
        remote.ID,
      ]);
      return Number(stdout) > 0 && stdout.trim() !== pid.trim();
    });
    await waitFor('the name to resolve to it again', () => reaches(local, remote));
    await waitFor('it to reach the others', () => reaches(remote, local));
    await waitFor('three addresses', async () => (await addressesSeen(local)) === 3);
    t.is(on(await threeRun(), 'node-2').ID, remote.ID, 'the container is the same');
  },
);

machineTest(
  "containers go on while the manager's machine is down, and all are recovered",
  async (t) => {
    const rows = await threeRun();
    const others = nodes.filter((name) => name !== 'node-1');
    const before = await Promise.all(others.map((name) => containersOn(name)));
    const [local, remote] = [on(rows, 'node-2'), on(rows, 'node-3')];
    let attempts = 0;
    const failures: string[] = [];
    const look = async () => {
      attempts += 1;
      if (!(await reaches(local, remote))) failures.push(`node-2 at attempt ${attempts}`);
      if (!(await reaches(remote, local))) failures.push(`node-3 at attempt ${attempts}`);
    };
    await machine('node-1').kill();
    await look();
    await machine('node-1').boot();
    await waitFor('the manager to answer with three replicas', async () => {
      await look();
      const answer = await cluster.run(['ps', '--format', 'json', '--no-trunc'], folder);
      return answer.code === 0 && (answer.stdout.match(/"State":"running"/gu) ?? []).length === 3;
    });
    t.true(attempts > 2);
    t.deepEqual(failures, [], 'every lookup reached the other machine');
    const after = await threeRun();
    t.deepEqual(after.map(({ Name, Node }) => `${Name}@${Node}`).sort(), sortedPlaces(rows));
    t.deepEqual(await Promise.all(others.map((name) => containersOn(name))), before);
    await waitFor('the replica on the manager machine to be reachable', () =>
      reaches(local, on(after, 'node-1')),
    );
    await noLeftovers();
  },
);

function sortedPlaces(rows: readonly PsRow[]): readonly string[] {
  return rows.map(({ Name, Node }) => `${Name}@${Node}`).sort();
}

machineTest(
  'containers survive the loss of the store, and a backup restores the cluster state',
  async (t) => {
    const rows = await threeRun();
    const before = await Promise.all(nodes.map((name) => containersOn(name)));
    const file = join(cluster.home, 'lost.backup');
    t.is((await cluster.run(['store', 'backup', file])).code, 0);
    const managerMachine = machine('node-1');
    const wipe = 'systemctl stop shoal-manager && rm -rf /var/lib/shoal/manager/store';
    await managerMachine.output(['sh', '-c', `${wipe} && systemctl start shoal-manager`]);
    await waitFor('every worker to be turned away', async () => {
      const log = await managerMachine.output(['journalctl', '-u', 'shoal-manager', '-o', 'cat']);
      return nodes.every((name) => log.includes(`the store is empty, but node ${name} runs`));
    });
    const restored = await cluster.run(['store', 'import', file]);
    t.is(restored.code, 0, restored.stderr);
    const after = await threeRun();
    t.deepEqual(sortedPlaces(after), sortedPlaces(rows));
    for (const name of nodes) await nodeIs(name, 'Ready');
    await noLeftovers();
    t.deepEqual(await Promise.all(nodes.map((name) => containersOn(name))), before);
  },
);

machineTest('after a partition heals, each replica runs exactly once', async (t) => {
  await threeRun();
  await cluster.lab.cut('node-3');
  await threeRun(['node-1', 'node-2']);
  t.is((await containersOn('node-3')).length, 1, 'the cut off container goes on');
  await cluster.lab.heal('node-3');
  await nodeIs('node-3', 'Ready');
  await noLeftovers();
  const after = await threeRun();
  t.is(new Set(after.map(({ ID }) => ID)).size, 3);
  const from = on(after, 'node-1');
  await waitFor(
    'the name to resolve to all replicas',
    async () => (await addressesSeen(from)) === 3,
  );
});

machineTest('a drained node loses its tasks and gets new ones once it is active', async (t) => {
  await cluster.output(['node', 'update', '--availability', 'drain', 'node-2']);
  await threeRun(['node-1', 'node-3']);
  await waitFor(
    'the drained node to be empty',
    async () => (await containersOn('node-2')).length === 0,
  );
  await cluster.output(['node', 'update', '--availability', 'active', 'node-2']);
  const four = await cluster.run(['scale', 'keep=4'], folder);
  t.is(four.code, 0, four.stderr);
  t.true((await running()).some(({ Node }) => Node === 'node-2'));
  t.is((await cluster.run(['scale', 'keep=3'], folder)).code, 0);
  await threeRun();
  await noLeftovers();
});

machineTest('a returning machine never answers for tasks that were moved', async (t) => {
  const front = await cluster.project(
    'front',
    `services:
  web:
    image: shoal-test/busybox
    command: httpd -f -p 80 -h /
    init: true
    restart: always
    ports: ["8085:80"]
    deploy: {placement: {constraints: ["node.hostname != node-1"]}}
`,
  );
  t.is((await cluster.run(['up', '-d', '--wait'], front)).code, 0);
  const where = async () =>
    (await cluster.ps([], front)).find(({ State }) => State === 'running')?.Node;
  const victim = machine((await where()) ?? '');
  await waitFor('the published port to answer', () => answers(victim.address));
  await victim.kill();
  await waitFor('the task to run elsewhere', async () => {
    const now = await where();
    return now !== undefined && now !== victim.name;
  });
  let stale = 0;
  await Promise.all([
    victim.boot(),
    waitFor('the stale container to be gone', async () => {
      if (await answers(victim.address)) stale += 1;
      const { exitCode, stdout } = await victim.exec(['docker', 'ps', '-aq']);
      return exitCode === 0 && stdout === '';
    }),
  ]);
  t.is(stale, 0);
  await nodeIs(victim.name, 'Ready');
  t.is((await cluster.run(['down'], front)).code, 0);
});

machineTest(
  'a frozen engine is named at once; its tasks are replaced and never run twice',
  async (t) => {
    const spread = await cluster.run(['roll', 'keep'], folder);
    t.is(spread.code, 0, spread.stderr);
    const rows = await threeRun();
    const stale = rows.find(({ Node }) => Node !== 'node-1');
    if (stale === undefined) throw new Error('every replica runs on node-1');
    const victim = machine(stale.Node);
    const address = (await containersAddress(stale)).trim();
    const pid = (await victim.output(['pidof', 'dockerd'])).trim();
    await victim.output(['kill', '-STOP', pid]);
    try {
      const index = stale.Name.split('-').at(-1) ?? '';
      const failed = await cluster.run(['exec', '-T', '--index', index, 'keep', 'true'], folder);
      t.is(failed.code, 1);
      t.regex(
        failed.stderr,
        new RegExp(`node ${victim.name}: the Docker engine does not answer`, 'u'),
      );
      await nodeIs(victim.name, 'Unknown');
      const doctor = await cluster.run(['doctor']);
      t.regex(
        doctor.stdout,
        new RegExp(`error: ${victim.name}: Docker Engine does not answer`, 'u'),
      );
      const others = nodes.filter((name) => name !== victim.name);
      await nodeIs(victim.name, 'Down');
      const from = on(await threeRun(others), others[0] ?? '');
      const ping = ['docker', 'exec', from.ID, 'ping', '-c', '1', '-W', '1', address];
      t.not((await machine(from.Node).exec(ping)).exitCode, 0, 'the old container is cut off');
    } finally {
      await victim.output(['kill', '-CONT', pid]);
    }
    await nodeIs(victim.name, 'Ready');
    await noLeftovers();
  },
);

/** Overlay address of a container. */
async function containersAddress(row: PsRow): Promise<string> {
  const format = '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}';
  return machine(row.Node).output(['docker', 'inspect', '-f', format, row.ID]);
}

machineTest('a lost node can be removed, and down leaves nothing behind', async (t) => {
  const busyNode = (await threeRun())[0]?.Node ?? '';
  const early = await cluster.run(['node', 'rm', busyNode]);
  t.is(early.code, 1);
  t.true(early.stderr.includes(busyNode));
  await machine('node-3').kill();
  await threeRun(['node-1', 'node-2']);
  await nodeIs('node-3', 'Down');
  await cluster.output(['node', 'rm', 'node-3']);
  const left = await cluster.output(['node', 'ls', '--format', '{{.Hostname}}']);
  t.deepEqual(left.trim().split('\n').sort(), ['node-1', 'node-2']);
  await threeRun(['node-1', 'node-2']);
  const down = await cluster.run(['down'], folder);
  t.is(down.code, 0, down.stderr);
  for (const name of ['node-1', 'node-2']) {
    t.deepEqual(await containersOn(name), []);
    t.is(await machine(name).output(['sh', '-c', 'ls /sys/class/net | grep ^sh || true']), '');
  }
});
