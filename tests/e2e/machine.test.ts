import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
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

/** Drops packets of this computer to a machine, except to the ports in `open`. */
async function closePorts(t: ExecutionContext, name: string, open: string): Promise<void> {
  const machine = lab.machine(name);
  const client = machine.address.replace(/\d+$/u, '1');
  const rules = `table inet closed { chain in { type filter hook input priority 0; ct state established accept; ip saddr ${client} ${open} drop; }; }`;
  await machine.output(['nft', rules]);
  t.teardown(async () => machine.exec(['nft', 'delete table inet closed']));
}

machineTest('SSH alone, and for one machine a jump host, suffice to run a cluster', async (t) => {
  const program = await ShoalProgram.create();
  t.teardown(async () => program.remove());
  const [alpha, beta, gamma] = ['node-1', 'node-2', 'node-3'].map((name) => lab.machine(name));
  await closePorts(t, 'node-1', 'tcp dport != 22');
  await closePorts(t, 'node-2', 'tcp dport != 22');
  await closePorts(t, 'node-3', '');
  const folder = join(program.home, '.ssh');
  await mkdir(folder, { mode: 0o700 });
  const config = [
    `Host gamma\n  HostName ${String(gamma?.address)}\n  ProxyJump beta`,
    `Host beta\n  HostName ${String(beta?.address)}`,
    `Host *\n  IdentityFile ${String(alpha?.keyPath)}\n  User root`,
    `  UserKnownHostsFile ${join(folder, 'known_hosts')}\n  StrictHostKeyChecking accept-new`,
  ];
  await writeFile(join(folder, 'config'), `${config.join('\n')}\n`);
  const created = await program.run([
    ...['machine', 'create', '--swarm', '--swarm-master'],
    ...['--generic-ip-address', String(alpha?.address), 'alpha'],
    ...['--generic-ip-address', 'beta', 'beta', '--generic-ip-address', 'gamma', 'gamma'],
  ]);
  t.is(created.code, 0, created.stdout + created.stderr);
  t.regex(created.stderr, /port 7070 is filtered; it is used through ssh from now on/u);
  const listed = await program.run(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
  t.is(listed.stdout, 'alpha Ready\nbeta Ready\ngamma Ready\n', listed.stderr);
  const remote = await program.run(['machine', 'ssh', 'gamma', 'cat', '/etc/shoal/machine.json']);
  t.regex(remote.stdout, /"gamma"/u);
  await writeFile(join(program.home, 'note'), 'over two hops\n');
  const copied = await program.run(['machine', 'scp', join(program.home, 'note'), 'gamma:/note']);
  t.is(copied.code, 0, copied.stderr);
  t.is(await gamma?.output(['cat', '/note']), 'over two hops\n');
  const again = await program.run(['machine', 'provision', 'gamma']);
  t.is(again.code, 0, again.stderr);
  const removed = await program.run(['machine', 'rm', '-y', 'alpha', 'beta', 'gamma']);
  t.is(removed.code, 0, removed.stderr);
});
