import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { buildArchive } from '../../fixtures/images/archive.js';
import { busyboxImage, busyboxReference } from '../../fixtures/images/busybox.js';
import { loadImages } from '../../fixtures/images/load.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { openLab } from '../../fixtures/lab/lab.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import { ShoalProgram } from '../helpers/program/shoal-program.js';

/** One machine that is manager and worker, and a task with a secret of another user. */
const lab = openLab({ name: 'lstpriv', subnet: '10.98.49' });
const machine = (): Machine => lab.machine('node-1');
let program: ShoalProgram;

const composeFile = `
services:
  web:
    image: ${busyboxReference}
    command: [sh, -c, "cat /run/secrets/word; exec sleep 100000"]
    user: "1000"
    secrets: [{ source: word, uid: "1000", mode: 0400 }]
    networks: [inner]
networks: { inner: {} }
secrets: { word: { file: word.txt } }
`;

test.before(async () => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return;
  program = await ShoalProgram.create();
  await lab.up(['node-1']);
  await loadImages(await buildArchive([await busyboxImage()]), [machine()]);
});

test.after.always(async () => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return;
  await program.remove();
  await lab.down();
});

async function shoal(t: ExecutionContext, ...argv: readonly string[]): Promise<string> {
  const { code, stdout, stderr } = await program.run(argv);
  t.is(code, 0, `${argv.join(' ')}: ${stderr}${stdout}`);
  return stdout;
}

/** Overall exposure of a running unit, from 0 (safe) to 10. */
async function exposure(unit: string): Promise<number> {
  const report = await machine().output(['systemd-analyze', 'security', '--no-pager', unit]);
  return Number(/Overall exposure level for \S+: ([\d.]+)/u.exec(report)?.[1]);
}

/** Lines of /proc/PID/status of the unit's main process. */
async function statusOf(unit: string): Promise<string> {
  const pid = await machine().output(['systemctl', 'show', '--property=MainPID', '--value', unit]);
  return machine().output(['cat', `/proc/${pid.trim()}/status`]);
}

async function ownerOf(path: string): Promise<string> {
  return (await machine().output(['stat', '-c', '%U', path])).trim();
}

machineTest('a manager needs no privilege and a worker only its capabilities', async (t) => {
  const flags = ['--generic-ssh-key', machine().keyPath, '--generic-ip-address', machine().address];
  await shoal(
    t,
    'machine',
    'create',
    '--driver',
    'generic',
    ...flags,
    '--swarm',
    '--swarm-master',
    'm',
  );
  t.true((await exposure('shoal-manager.service')) <= 3);
  t.true((await exposure('shoal-worker.service')) <= 6);
  const manager = await statusOf('shoal-manager.service');
  t.regex(manager, /^CapBnd:\s+0+$/mu);
  t.regex(manager, /^CapEff:\s+0+$/mu);
  t.regex(manager, /^NoNewPrivs:\s+1$/mu);
  t.regex(manager, /^Seccomp:\s+2$/mu);
  t.notRegex(manager, /^Uid:\s+0\s/mu);
  t.regex(await statusOf('shoal-worker.service'), /^NoNewPrivs:\s+1$/mu);
});

machineTest('tasks, secrets of other users and rotations work without privileges', async (t) => {
  const folder = program.home;
  await writeFile(join(folder, 'compose.yaml'), composeFile);
  await writeFile(join(folder, 'word.txt'), 'sesame');
  const project = ['-f', join(folder, 'compose.yaml'), '-p', 'shop'];
  await shoal(t, ...project, 'up', '-d', '--wait');
  t.regex(await shoal(t, ...project, 'exec', 'web', 'cat', '/run/secrets/word'), /sesame/u);
  await shoal(t, 'ca', 'rotate');
  await shoal(t, 'ca', 'rotate-key');
  // Rewrites a file that belongs to the container's user.
  await shoal(t, ...project, 'restart', 'web');
  const addresses = await machine().output(['ss', '-Hlun', 'sport = :53']);
  t.not(addresses.trim(), '');
});

machineTest('the manager gets the files that root restores', async (t) => {
  await machine().output([
    ...['sh', '-ec'],
    `settings=/etc/shoal/manager.json
    shoal store export --config $settings /root/cluster.backup
    systemctl stop shoal-manager
    shoal store import --replace --config $settings /root/cluster.backup
    systemctl start shoal-manager`,
  ]);
  await shoal(t, 'machine', 'provision', 'm');
  t.is(await ownerOf('/var/lib/shoal/manager/store/log-00000001'), 'shoal-manager');
  t.regex(await shoal(t, '-p', 'shop', 'ps'), /shop-web-1/u);
});

machineTest('an installation that ran as root is upgraded', async (t) => {
  await machine().output([
    ...['sh', '-ec'],
    `systemctl stop shoal-manager
    unit=/etc/systemd/system/shoal-manager.service
    grep -v -e ^User= -e ^Group= -e ^ExecStartPre= -e ^Capability $unit >$unit.new
    mv $unit.new $unit
    userdel shoal-manager
    chown -R root:root /etc/shoal /var/lib/shoal
    chmod 0700 /etc/shoal /etc/shoal/pki /var/lib/shoal
    systemctl daemon-reload
    systemctl start shoal-manager`,
  ]);
  t.regex(await statusOf('shoal-manager.service'), /^Uid:\s+0\s/mu);
  await shoal(t, 'machine', 'provision', 'm');
  t.notRegex(await statusOf('shoal-manager.service'), /^Uid:\s+0\s/mu);
  for (const path of ['/etc/shoal/pki/intermediate-key.pem', '/var/lib/shoal/manager/cluster.key'])
    t.is(await ownerOf(path), 'shoal-manager');
  t.is(await ownerOf('/etc/shoal/pki/worker-key.pem'), 'root');
  const asManager = ['setpriv', '--reuid=shoal-manager', '--regid=shoal-manager', '--clear-groups'];
  for (const path of ['/etc/shoal/pki/worker-key.pem', '/etc/shoal/worker.json'])
    t.not((await machine().exec([...asManager, 'cat', path])).exitCode, 0);
  const planted = await machine().exec([...asManager, 'rm', '-f', '/etc/shoal/pki/worker-key.pem']);
  t.not(planted.exitCode, 0);
});

machineTest('a removed machine keeps no system user', async (t) => {
  await shoal(t, 'machine', 'rm', '-y', 'm');
  t.not((await machine().exec(['getent', 'passwd', 'shoal-manager'])).exitCode, 0);
});
