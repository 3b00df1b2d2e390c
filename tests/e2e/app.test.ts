import test from 'ava';
import { once } from 'node:events';
import type { ExecutionContext } from 'ava';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { E2eCluster } from '../helpers/lab/e2e-cluster.js';
import { resultOf } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { leaveSharedCluster, openSharedCluster } from '../helpers/lab/shared-cluster.js';
import { checkStockDocker } from '../helpers/lab/stock-docker.js';
import { TodoApp } from '../helpers/lab/todo-app.js';

/*
 * A full scenario on three machines. Each test continues where the one before it stopped, because
 * starting a cluster takes longer than most tests.
 */

let cluster: E2eCluster;
let app: TodoApp;
let clean: string;

const hasLab = process.platform === 'linux' && process.getuid?.() === 0;

test.before(async () => {
  if (!hasLab) return;
  cluster = await openSharedCluster();
  app = new TodoApp(cluster);
  clean = await app.traces();
});

test.after.always(async () => {
  await leaveSharedCluster(cluster);
});

/** Asserts exit code 1 and a matching last line on standard error, without a stack trace. */
function refused(
  t: ExecutionContext,
  result: { readonly code: number | null; readonly stderr: string },
  message: RegExp,
): void {
  t.is(result.code, 1, result.stderr);
  const lines = result.stderr.trim().split('\n');
  t.regex(lines.at(-1) ?? '', message);
  t.false(result.stderr.includes('    at '), 'stack trace in the output');
}

machineTest(
  'up starts the application from its Compose file, and a second up changes nothing',
  async (t) => {
    const first = await cluster.run(['up', '-d', '--wait']);
    t.is(first.code, 0, first.stderr);
    t.regex(first.stderr, /Network todo-app_default {2}Created/u);
    const before = await cluster.ps();
    t.deepEqual(
      before.map(({ Name, State }) => `${Name} ${State}`),
      [
        'todo-app-redis-master-1 running',
        'todo-app-redis-slave-1 running',
        'todo-app-todoApp-1 running',
      ],
    );
    await app.insert(1, 'milk');
    await app.waitForItem(1, 'milk');
    const second = await cluster.run(['up', '-d']);
    t.is(second.code, 0, second.stderr);
    t.regex(second.stderr, /Container todo-app-todoApp-1 {2}Running/u);
    t.notRegex(second.stderr, /Creat|Start(?:ing|ed)|Stopp/u);
    const ids = (rows: typeof before) => rows.map(({ ID }) => ID);
    t.deepEqual(ids(await cluster.ps()), ids(before));
  },
);

machineTest('three front ends run on three machines and show the same items', async (t) => {
  const scaled = await cluster.run(['scale', 'todoApp=3']);
  t.is(scaled.code, 0, scaled.stderr);
  const nodes = (await cluster.ps())
    .filter(({ Service }) => Service === 'todoApp')
    .map(({ Node }) => Node);
  t.deepEqual([...nodes].sort(), ['node-1', 'node-2', 'node-3']);
  await app.insert(2, 'bread');
  for (const index of [1, 2, 3]) {
    await app.waitForItem(index, 'milk');
    await app.waitForItem(index, 'bread');
  }
});

machineTest('exec reaches any container and returns its exit code', async (t) => {
  for (const index of [1, 2, 3]) {
    const script =
      'require("dns").lookup("redis-slave", (e, a) => { console.log(a); process.exit(e ? 9 : 7) })';
    const found = await cluster.run([
      ...['exec', '-T', '--index', String(index), 'todoApp', 'node', '-e', script],
    ]);
    t.is(found.code, 7, found.stderr);
    t.regex(found.stdout, /^10\.\d+\.\d+\.\d+\n$/u);
  }
  // Engines before 28 return 126 for a missing program.
  const { code } = await cluster.run(['exec', '-T', 'todoApp', 'nosuch-program']);
  t.true(code === 126 || code === 127, String(code));
  const value = await cluster.run([
    'exec',
    '-T',
    '-e',
    'A=b c',
    '-w',
    '/',
    'redis-master',
    'sh',
    '-c',
    'echo $A; pwd',
  ]);
  t.is(value.stdout, 'b c\n/\n');
});

machineTest(
  'a container on another network can neither resolve nor reach the containers of this one',
  async (t) => {
    const folder = await cluster.project(
      'other',
      'services: {probe: {image: shoal-test/busybox, command: sleep 100000, init: true}}\n',
    );
    const up = await cluster.run(['up', '-d', '--wait'], folder);
    t.is(up.code, 0, up.stderr);
    const probe = async (...command: string[]) =>
      (await cluster.run(['exec', '-T', 'probe', ...command], folder)).code;
    t.not(await probe('nslookup', 'redis-slave'), 0);
    t.is(await probe('nslookup', 'probe'), 0);
    const address = (
      await cluster.output(['exec', '-T', 'redis-slave', 'sh', '-c', 'hostname -i'])
    ).trim();
    t.regex(address, /^10\./u);
    t.not(await probe('ping', '-c', '1', '-W', '1', address), 0);
    t.is((await cluster.run(['down'], folder)).code, 0);
  },
);

machineTest('logs of all machines are merged, with prefixes', async (t) => {
  const { stdout } = await cluster.run(['logs', 'todoApp']);
  for (const index of [1, 2, 3]) {
    t.regex(stdout, new RegExp(`^todoApp-${index} +\\| todo list on port 3000$`, 'mu'));
  }
  t.is(
    (
      await cluster.output(['logs', '--no-log-prefix', '--tail', '1', '--index', '2', 'todoApp'])
    ).split('\n').length,
    2,
  );
  const stamped = await cluster.output(['logs', '-t', '--tail', '1', 'redis-master']);
  t.regex(stamped, /\| \d{4}-\d\d-\d\dT[\d:.]+Z /u);
});

machineTest('a stock docker client sees the whole cluster and reaches any container', (t) =>
  checkStockDocker(t, cluster),
);

machineTest('a crashed container is restarted, and the restart is counted', async (t) => {
  const row = (await cluster.ps()).find(({ Name }) => Name === 'todo-app-todoApp-2');
  const machine = cluster.lab.machine(row?.Node ?? '');
  const pid = (
    await machine.output(['docker', 'inspect', '-f', '{{.State.Pid}}', row?.ID ?? ''])
  ).trim();
  await machine.output(['kill', '-9', pid]);
  const again = await waitFor('the restart', async () =>
    (await cluster.ps()).find(
      ({ Name, State, Restarts }) => Name === row?.Name && State === 'running' && Restarts > 0,
    ),
  );
  t.like(again, { Restarts: 1, ID: row?.ID ?? '' });
  await app.waitForItem(2, 'milk');
});

machineTest('killing workers and the manager leaves every container running', async (t) => {
  const before = await cluster.outputOnAll([
    'sh',
    '-c',
    'docker inspect -f "{{.Name}} {{.State.StartedAt}}" $(docker ps -q)',
  ]);
  await cluster.outputOnAll(['systemctl', 'kill', '--signal=KILL', 'shoal-worker']);
  await cluster.lab
    .machine('node-1')
    .output(['systemctl', 'kill', '--signal=KILL', 'shoal-manager']);
  await waitFor('the manager to see all nodes again', async () => {
    const nodes = await cluster.output(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
    return nodes
      .trim()
      .split('\n')
      .every((line) => line.endsWith(' Ready'));
  });
  await waitFor('all containers to be reported', async () => (await app.placed()).length === 5);
  t.deepEqual(
    await cluster.outputOnAll([
      'sh',
      '-c',
      'docker inspect -f "{{.Name}} {{.State.StartedAt}}" $(docker ps -q)',
    ]),
    before,
  );
  await app.insert(3, 'butter');
  await app.waitForItem(1, 'butter');
});

machineTest('a lost machine that returns loses no data and runs no slot twice', async (t) => {
  const rows = await cluster.ps();
  const keeper = rows.find(({ Service }) => Service === 'redis-master')?.Node;
  const victim = ['node-3', 'node-2'].find((name) => name !== keeper) ?? '';
  await cluster.lab.machine(victim).kill();
  await waitFor('everything to run elsewhere', async () => {
    const now = await app.placed();
    return now.length === 5 && now.every((line) => !line.endsWith(`@${victim}`));
  });
  await app.insert(1, 'eggs');
  for (const index of [1, 2, 3]) await app.waitForItem(index, 'eggs');
  await cluster.lab.machine(victim).boot();
  await cluster.lab.machine(victim).ready();
  await waitFor('the machine to be ready again', async () =>
    (await cluster.output(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}'])).includes(
      `${victim} Ready`,
    ),
  );
  await waitFor('each container to run once', async () => {
    const seen = await cluster.outputOnAll(['docker', 'ps', '--format', '{{.Names}}']);
    const names = [...seen.values()].join('').trim().split('\n').sort();
    return names.length === 5 && new Set(names).size === 5;
  });
  for (const index of [1, 2, 3]) await app.waitForItem(index, 'milk');
  t.is((await app.placed()).length, 5);
});

machineTest('invalid input gives a one-line error and changes nothing', async (t) => {
  const before = await cluster.ps();
  const broken = await cluster.project(
    'broken',
    'services:\n  web:\n    image: x\n    netwrks: [a]\n',
  );
  const cases: readonly (readonly [readonly string[], RegExp, string?])[] = [
    [['-f', 'nosuch.yaml', 'up', '-d'], /nosuch\.yaml/u],
    [['up', '-d'], /compose\.yaml:4:5: .*netwrks/u, broken],
    [['scale', 'todoApp=-1'], /todoApp=-1/u],
    [['scale', 'todoApp=x'], /todoApp=x/u],
    [['scale', 'nosuch=1'], /no such service: nosuch/u],
    [['logs', 'nosuch'], /no such service: nosuch/u],
    [['exec', 'nosuch', 'ls'], /no such service: nosuch/u],
    [['port', 'todoApp', '99'], /no port 99\/tcp/u],
    [['up', '-d', 'nosuch'], /no such service: nosuch/u],
    [['up', '-d', '--force-recreate', '--no-recreate'], /incompatible/u],
    [['--cluster', 'nosuch', 'ps'], /cluster "nosuch"/u],
    [['nosuch'], /unknown command "nosuch"/u],
  ];
  for (const [argv, message, cwd] of cases) refused(t, await cluster.run(argv, cwd), message);
  t.deepEqual(
    (await cluster.ps()).map(({ ID }) => ID),
    before.map(({ ID }) => ID),
  );
});

machineTest('tasks that cannot be placed or pulled fail with the reason', async (t) => {
  const big = await cluster.project(
    'big',
    'services: {web: {image: shoal-test/busybox, command: sleep 1000, deploy: {replicas: 2, resources: {reservations: {memory: 900G}}}}}\n',
  );
  refused(
    t,
    await cluster.run(['up', '-d', '--wait'], big),
    /service web: cannot place .*insufficient memory on 3 nodes/u,
  );
  t.regex(
    await cluster.output(['explain', 'web'], big),
    /why not: insufficient memory on 3 nodes/u,
  );
  t.is((await cluster.run(['down'], big)).code, 0);
  const ports = await cluster.project(
    'ports',
    'services: {web: {image: shoal-test/busybox, command: sleep 1000, init: true, ports: ["8099:80"], deploy: {replicas: 4}}}\n',
  );
  refused(
    t,
    await cluster.run(['up', '-d'], ports),
    /port 8099\/tcp is already in use on 3 nodes/u,
  );
  t.is((await cluster.ps([], ports)).filter(({ State }) => State === 'running').length, 3);
  t.is((await cluster.run(['down'], ports)).code, 0);
  const missing = await cluster.project('missing', 'services: {web: {image: "nosuch:1"}}\n');
  refused(t, await cluster.run(['up', '-d'], missing), /service web: .*nosuch:1.*node-\d/u);
  t.is((await cluster.run(['down'], missing)).code, 0);
});

machineTest('a volume keeps its data and its node across down and up', async (t) => {
  const folder = await cluster.project(
    'keep',
    'services: {db: {image: shoal-test/busybox, command: sleep 100000, init: true, volumes: ["data:/data"]}}\nvolumes: {data: {}}\n',
  );
  const node = async () => (await cluster.ps([], folder))[0]?.Node;
  t.is((await cluster.run(['up', '-d', '--wait'], folder)).code, 0);
  const first = await node();
  await cluster.output(['exec', '-T', 'db', 'sh', '-c', 'echo kept > /data/file'], folder);
  t.is((await cluster.run(['down'], folder)).code, 0);
  t.is((await cluster.run(['up', '-d', '--wait'], folder)).code, 0);
  t.is(await node(), first);
  t.is(await cluster.output(['exec', '-T', 'db', 'cat', '/data/file'], folder), 'kept\n');
  t.is((await cluster.run(['down', '-v'], folder)).code, 0);
  t.is((await cluster.output(['volume', 'ls', '-q'])).trim(), '');
});

machineTest('stopped containers restart on their nodes, killed ones only with up', async (t) => {
  const before = await app.placed();
  t.is((await cluster.run(['stop', 'todoApp'])).code, 0);
  t.deepEqual((await app.placed()).length, 2);
  t.is((await cluster.run(['start'])).code, 0);
  t.deepEqual(await app.placed(), before);
  t.is((await cluster.run(['kill', 'redis-slave'])).code, 0);
  await waitFor('redis-slave to exit', async () => (await app.placed()).length === 4);
  t.is((await cluster.run(['up', '-d', '--wait'])).code, 0);
  t.is((await app.placed()).length, 5);
});

machineTest('up in the foreground shows the output and stops everything on Ctrl-C', async (t) => {
  const folder = await cluster.project(
    'front',
    'services: {web: {image: shoal-test/busybox, init: true, command: sh -c "echo hello; sleep 100000"}}\n',
  );
  const child = cluster.start(['up'], folder);
  let seen = '';
  child.stdout?.on('data', (chunk: Buffer) => (seen += chunk.toString()));
  await waitFor('the output', () => /^web-1 +\| hello$/mu.test(seen));
  child.kill('SIGINT');
  const [code] = (await once(child, 'close')) as [number | null];
  t.is(code, 130);
  t.regex(seen, /Attaching to web-1/u);
  t.deepEqual(await cluster.ps([], folder), []);
  t.is((await cluster.run(['down'], folder)).code, 0);
  const job = await cluster.project(
    'job',
    'services: {job: {image: shoal-test/busybox, command: sh -c "sleep 1; exit 42"}}\n',
  );
  const ended = await resultOf(cluster.start(['up', '--exit-code-from', 'job'], job));
  t.is(ended.code, 42, ended.stderr);
  const down = await cluster.run(['down'], job);
  t.is(down.code, 0, down.stderr);
});

machineTest('down -v leaves no trace on any machine', async (t) => {
  const down = await cluster.run(['down', '-v']);
  t.is(down.code, 0, down.stderr);
  t.regex(down.stderr, /Network todo-app_default {2}Removed/u);
  t.deepEqual(await cluster.ps(), []);
  // Workers delete the last nftables table after they have reported the network as removed.
  await waitFor('every trace to be gone', async () => (await app.traces()) === clean, {
    timeoutMs: 15_000,
  }).catch(async () => {
    t.is(await app.traces(), clean);
  });
});
