import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { MachineStore } from '../../cli/inventory/machine-store.js';
import { openLab } from '../../fixtures/lab/lab.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { certificatesOf } from '../../manager/common/pki/pki-peer.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { ShoalProgram } from '../helpers/program/shoal-program.js';

const lab = openLab({ name: 'rootca', subnet: '10.98.43' });
let program: ShoalProgram;

const worker = (): Machine => lab.machine('node-2');

test.before(async () => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return;
  const machines = await lab.up(2);
  program = await ShoalProgram.create();
  const created = await program.run([
    ...['machine', 'create', '--generic-ssh-key', lab.keyPath, '--swarm', '--swarm-master'],
    ...machines.flatMap(({ address }) => ['--generic-ip-address', address]),
    ...machines.map(({ name }) => name),
  ]);
  if (created.code !== 0) throw new Error(created.stderr + created.stdout);
});

test.after.always(async () => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return;
  await program.remove();
  await lab.down();
});

/** Certificates of the roots that a machine trusts, as it has them on its disk. */
async function rootsOf(machine: Machine): Promise<readonly string[]> {
  const pem = await machine.output(['cat', '/etc/shoal/pki/ca.pem']);
  return certificatesOf(pem).map(({ fingerprint256 }) => fingerprint256);
}

machineTest(
  'the root CA is replaced, and a machine that is down is named and finished later',
  async (t) => {
    const manager = lab.machine('node-1');
    const caPath = join(new MachineStore(program.home).certsFolder, 'ca.pem');
    const [old = ''] = await rootsOf(manager);
    await worker().kill();
    const stopped = await program.run(['ca', 'rotate', '--root']);
    t.is(stopped.code, 1);
    t.regex(stopped.stderr, /root CA: machines failed: node-2; start them/u);
    // In between everybody trusts both roots, and commands work.
    t.is((await rootsOf(manager)).length, 2);
    t.is((await program.run(['node', 'ls', '-q'])).code, 0);

    const resumed = await program.run(['ca', 'rotate', '--root', '--force']);
    t.is(resumed.code, 0, resumed.stderr);
    t.regex(resumed.stderr, /node-2 still trusts .* run "shoal machine provision node-2"/u);
    const [next = '', ...others] = certificatesOf(await readFile(caPath, 'utf8')).map(
      ({ fingerprint256 }) => fingerprint256,
    );
    t.deepEqual(others, []);
    t.not(next, old);
    t.deepEqual(await rootsOf(manager), [next]);

    await worker().boot();
    await worker().ready();
    t.deepEqual(await rootsOf(worker()), [old]);
    const finished = await program.run(['machine', 'provision', 'node-2']);
    t.is(finished.code, 0, finished.stderr);
    t.deepEqual(await rootsOf(worker()), [next]);
    t.is((await program.run(['machine', 'env', 'node-2'])).code, 0);
    const nodes = await program.run(['node', 'ls', '--format', '{{.Hostname}} {{.Status}}']);
    t.is(nodes.stdout, 'node-1 Ready\nnode-2 Ready\n');
  },
);
