import type { ExecutionContext } from 'ava';
import test from 'ava';
import { connectTo } from '../../cli/client/client.js';
import { findCluster } from '../../cli/inventory/context.js';
import { openLab } from '../../fixtures/lab/lab.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { ShoalProgram } from '../helpers/program/shoal-program.js';

const lab = openLab({ name: 'mache', subnet: '10.98.42' });

test.before(async () => {
  if (process.getuid?.() === 0 && process.platform === 'linux') await lab.up(3);
});

test.after.always(async () => {
  if (process.getuid?.() === 0 && process.platform === 'linux') await lab.down();
});

async function readyNodes(t: ExecutionContext, program: ShoalProgram): Promise<readonly string[]> {
  const context = await findCluster({ home: program.home, env: {} });
  if (context === undefined) return [];
  const client = await connectTo(context);
  try {
    const nodes = await client.call('node.list', {});
    return nodes
      .filter(({ status }) => status.state === 'ready')
      .map(({ spec }) => spec.name)
      .sort();
  } finally {
    client.close();
  }
}

async function waitForNodes(
  t: ExecutionContext,
  program: ShoalProgram,
  names: readonly string[],
): Promise<void> {
  await waitFor(
    `nodes ${names.join(', ')}`,
    async () => (await readyNodes(t, program)).join() === names.join(),
    { timeoutMs: 30_000 },
  );
}

machineTest('three machines form a cluster and are removed without a trace', async (t) => {
  const program = await ShoalProgram.create();
  t.teardown(async () => program.remove());
  const names = ['node-1', 'node-2', 'node-3'];
  const machines = names.map((name) => lab.machine(name));
  const created = await program.run([
    ...['machine', 'create', '--swarm', '--swarm-master'],
    ...['--generic-ssh-key', lab.machine('node-1').keyPath],
    ...machines.flatMap(({ name, address }) => ['--generic-ip-address', address, name]),
  ]);
  t.is(created.code, 0, created.stdout + created.stderr);
  await waitForNodes(t, program, names);

  const listed = await program.run(['machine', 'ls', '--format', '{{.Name}} {{.Swarm}}']);
  t.is(listed.stdout, 'node-1 node-1 (master)\nnode-2 node-1\nnode-3 node-1\n');
  for (const machine of machines) {
    const keys = await machine.output(['sh', '-c', 'stat -c "%a %n" /etc/shoal/pki/*-key.pem']);
    t.regex(keys, /^(?:600 \S+\n)+$/u);
  }

  const workerPid = async (): Promise<string> =>
    lab.machine('node-2').output(['systemctl', 'show', '--property=MainPID', 'shoal-worker']);
  const killed = await workerPid();
  await lab.machine('node-2').output(['systemctl', 'kill', '-s', 'KILL', 'shoal-worker']);
  const pid = await waitFor('a new worker process', async () => {
    const now = await workerPid();
    return now.trim() !== 'MainPID=0' && now !== killed && now;
  });
  await waitForNodes(t, program, names);
  const reprovisioned = await program.run(['machine', 'provision', ...names]);
  t.is(reprovisioned.code, 0, reprovisioned.stderr);
  if (!reprovisioned.stdout.includes('uploading')) t.is(await workerPid(), pid);

  t.is((await program.run(['machine', 'rm', '-y', 'node-3'])).code, 0);
  await waitForNodes(t, program, ['node-1', 'node-2']);
  const refused = await program.run(['machine', 'rm', '-y', 'node-1']);
  t.regex(
    refused.stderr,
    /node-1 is the last manager of cluster "default", which still has node-2/u,
  );
  const removed = await program.run(['machine', 'rm', '-y', 'node-1', 'node-2']);
  t.is(removed.code, 0, removed.stderr);

  for (const machine of machines) {
    const left = await machine.exec([
      'sh',
      '-c',
      'ls -d /opt/shoal /etc/shoal /var/lib/shoal /run/shoal /usr/local/bin/shoal /etc/systemd/system/shoal-* 2>/dev/null; ip -o link | grep -E "shvx|sh[0-9]+"; nft list tables | grep shoal; docker ps -aq; pgrep -x node',
    ]);
    t.is(left.stdout, '', machine.name);
  }
  t.is((await program.run(['machine', 'ls', '-q'])).stdout, '');
});
