import type { ExecutionContext } from 'ava';
import test from 'ava';
import { builtProgram } from '../../fixtures/build/program.js';
import type { E2eCluster } from '../helpers/lab/e2e-cluster.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { leaveSharedCluster, openSharedCluster } from '../helpers/lab/shared-cluster.js';
import { Tmux } from '../helpers/program/tmux.js';

const hasLab = process.getuid?.() === 0 && process.platform === 'linux';
const program = builtProgram();

let cluster: E2eCluster;

test.before(async () => {
  if (hasLab) cluster = await openSharedCluster();
});

test.after.always(async () => {
  await leaveSharedCluster(cluster);
});

machineTest('the dashboard shows and controls a cluster and restores the terminal', async (t) => {
  const up = await cluster.run(['up', '-d', '--wait']);
  t.is(up.code, 0, up.stderr);

  await doctorFindsFaults(t);

  const tmux = await Tmux.start(120, 30, { SHOAL_HOME: cluster.home, CI: '' });
  t.teardown(async () => tmux.stop());
  await tmux.keys(`${process.execPath} ${program} dash; stty -a | grep -c ' icanon'`, 'Enter');
  await tmux.waitForScreen(/live .*machines 3\/3 .*tasks 3\/3/u);

  await tmux.keys('5', '/', 'slave', 'Enter');
  const filtered = await tmux.waitForScreen(/tasks \(1 of 3\)/u);
  t.false(filtered.includes('master-1'));

  await tmux.keys('4', 'j', 'j');
  await tmux.waitForScreen(/>todoApp/u);
  await tmux.keys('+');
  await tmux.waitForScreen(/tasks 4\/4/u, 60_000);

  await tmux.keys('5', '/', 'todoApp-1', 'Enter', 'l');
  await tmux.waitForScreen(/todo list on port/u);
  await tmux.keys('Escape');
  await tmux.waitForScreen(/tasks \(1 of 4\)/u);

  await tmux.keys('s');
  await tmux.waitForScreen(/shell in todo-app-todoApp-1 on node-\d/u);
  await tmux.keys('echo inside-$((6*7))', 'Enter');
  await tmux.waitForScreen(/^inside-42/mu);
  await tmux.keys('exit', 'Enter');
  await tmux.waitForScreen(/shell in todo-app-todoApp-1 exited with code 0/u);

  // Only this task of the service's three restarts.
  await tmux.keys('r');
  await tmux.waitForScreen(/other tasks of its service keep running/u);
  await tmux.keys('y');
  await tmux.waitForScreen(/restart todo-app-todoApp-1: done/u, 60_000);

  await cluster.lab.machine('node-3').kill();
  await tmux.keys('2');
  await tmux.waitForScreen(/machines 2\/3/u, 60_000);
  await tmux.waitForScreen(/node-3 +. down/u, 30_000);

  await tmux.keys('C-c');
  // The line discipline is restored: stty reports icanon, and the shell echoes.
  await tmux.waitForScreen(/^1$/mu);
  await tmux.keys('echo back-$((1+1))', 'Enter');
  const after = await tmux.waitForScreen(/^back-2/mu);
  t.true(after.includes('echo back-$((1+1))'));
  t.false(after.includes('machines 2/3'));

  // The terminal is restored after a signal as healthy.
  await tmux.keys('clear', 'Enter');
  await tmux.keys(
    `timeout --foreground 8 ${process.execPath} ${program} dash; echo left-$?; stty -a | grep -c ' icanon'`,
    'Enter',
  );
  await tmux.waitForScreen(/live .*machines 2\/3/u, 60_000);
  const ended = await tmux.waitForScreen(/left-\d+\n1$/mu, 60_000);
  t.false(ended.includes('machines 2/3'));

  await cluster.lab.machine('node-3').boot();
  await cluster.output(['down', '-v']);
});

/** Doctor reports a firewall with the traffic it blocks, and nothing once it is gone. */
async function doctorFindsFaults(t: ExecutionContext): Promise<void> {
  const machine = cluster.lab.machine('node-2');
  const healthy = await cluster.run(['doctor', 'node-1', 'node-2']);
  t.is(healthy.code, 0, healthy.stdout + healthy.stderr);
  await machine.output([
    'nft',
    'table inet fault { chain in { type filter hook input priority -10; udp dport 4789 drop; }; chain out { type filter hook output priority -10; tcp dport 7070 drop; }; }',
  ]);
  const ill = await cluster.run(['doctor', 'node-1', 'node-2']);
  await machine.output(['nft', 'delete', 'table', 'inet', 'fault']);
  t.is(ill.code, 1);
  t.regex(ill.stdout, /node-1: containers on network todo-app_default cannot reach node-2/u);
  t.regex(ill.stdout, /node-2: cannot reach the manager at .*:7070/u);
  t.regex(ill.stdout, /-> allow UDP 4789/u);
}
