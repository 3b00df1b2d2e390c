import { createServer } from 'node:net';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execFileSync } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { engineCredentials } from '../../cli/certificates/engine-credentials.js';
import { fetchEngineVersion } from '../../cli/inventory/engine-client.js';
import { MachineStore } from '../../cli/inventory/machine-store.js';
import { RemoteMachine } from '../../cli/ssh/remote-machine.js';
import { runStep } from '../../cli/provision/run-step.js';
import { SshSession } from '../../cli/ssh/ssh.js';
import { ProvisionContext } from '../../cli/machine/provision-context.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { openLab } from '../../fixtures/lab/lab.js';
import { machineTest } from '../helpers/lab/machine-test.js';
import type { ProgramResult } from '../helpers/program/shoal-program.js';
import { ShoalProgram } from '../helpers/program/shoal-program.js';

const lab = openLab({ name: 'mach', subnet: '10.98.40' });

/** A machine with an engine, and one without an engine but with a sudo user. */
const engine = (): Machine => lab.machine('node-1');
const bare = (): Machine => lab.machine('node-2');

test.before(async () => {
  if (process.getuid?.() !== 0 || process.platform !== 'linux') return;
  await lab.up(['node-1']);
  await lab.up(['node-2'], { engine: false, sudoUser: 'ann' });
});

test.after.always(async () => {
  if (process.getuid?.() === 0 && process.platform === 'linux') await lab.down();
});

async function aProgram(t: ExecutionContext): Promise<ShoalProgram> {
  const program = await ShoalProgram.create();
  t.teardown(async () => program.remove());
  return program;
}

function createFlags(machine: Machine, user = 'root', key = machine.keyPath): readonly string[] {
  return [
    ...['machine', 'create', '--driver', 'generic', '--generic-ssh-user', user],
    ...['--generic-ssh-key', key, '--generic-ip-address', machine.address],
  ];
}

/** Asserts a one-line error and no record of the machine. */
async function fails(
  t: ExecutionContext,
  program: ShoalProgram,
  result: ProgramResult,
  message: RegExp,
): Promise<void> {
  t.not(result.code, 0);
  t.regex(result.stderr, message);
  // The notice of a first contact precedes the error.
  const notice = / host key of \S+ is SHA256:\S+ \(new, accepted at first contact\)$/u;
  const lines = result.stderr.trim().split('\n');
  t.is(lines.filter((line) => !notice.test(line)).length, 1, result.stderr);
  t.deepEqual(await new MachineStore(program.home).names(), []);
}

async function enginePid(machine: Machine): Promise<string> {
  return machine.output(['systemctl', 'show', '--property=MainPID', 'docker']);
}

machineTest(
  'provisioning and removing a machine leaves its containers running and no trace of ours',
  async (t) => {
    const program = await aProgram(t);
    const machine = engine();
    await machine.exec([
      'sh',
      '-c',
      'tar -C / -c usr/bin/sleep $(ldd /usr/bin/sleep | grep -o "/[^ ]*" | sed s,^/,,) | docker import - sleeper',
    ]);
    await machine.output([
      'docker',
      'run',
      '-d',
      '--name',
      'mine',
      'sleeper',
      '/usr/bin/sleep',
      '10000',
    ]);
    t.teardown(async () => machine.exec(['docker', 'rm', '-f', 'mine']));
    const started = async (): Promise<string> =>
      machine.output(['docker', 'inspect', '-f', '{{.State.StartedAt}} {{.State.Pid}}', 'mine']);
    const before = await started();

    const created = await program.run([
      ...createFlags(machine),
      '--engine-label',
      'disk=ssd',
      'web',
    ]);
    t.is(created.code, 0, created.stderr + created.stdout);
    t.is(await started(), before);

    const listed = await program.run(['machine', 'ls']);
    t.regex(listed.stdout, /^web +- +generic +Running +tcp:\/\/10\.98\.40\.11:2376 +v\d/mu);
    const env = await program.run(['machine', 'env', '--shell', 'sh', 'web']);
    const info = execFileSync('sh', ['-c', `${env.stdout}docker info --format '{{json .Labels}}'`]);
    // The engine lists labels in the order of a Go map.
    const labels = JSON.parse(info.toString()) as readonly string[];
    t.deepEqual([...labels].sort(), ['disk=ssd', 'provider=generic']);
    const inspected = await program.run([
      'machine',
      'inspect',
      '-f',
      '{{.Driver.IPAddress}}',
      'web',
    ]);
    t.is(inspected.stdout, `${machine.address}\n`);
    const remote = await program.run(['machine', 'ssh', 'web', '--', 'ls -lah / && exit 7']);
    t.regex(remote.stdout, /^total/u);
    t.is(remote.code, 7);

    const pid = await enginePid(machine);
    const again = await program.run(['machine', 'provision', 'web']);
    t.is(again.code, 0, again.stderr);
    t.notRegex(again.stdout, /writing|restarting the engine/u);
    t.is(await enginePid(machine), pid);
    const taken = await program.run([...createFlags(machine), 'web']);
    t.is(taken.code, 1);
    t.is(taken.stderr, 'shoal: machine "web" already exists\n');

    const removed = await program.run(['machine', 'rm', '-y', 'web']);
    t.is(removed.code, 0, removed.stderr);
    t.is(await started(), before);
    const left = await machine.exec([
      'sh',
      '-c',
      'ls -d /opt/shoal /etc/shoal /var/lib/shoal /usr/local/bin/shoal /etc/docker/daemon.json /etc/systemd/system/docker.service.d /etc/systemd/system/shoal-* 2>/dev/null; ss -Hltn "sport = :2376"',
    ]);
    t.is(left.stdout, '');
    t.is((await program.run(['machine', 'ls', '-q'])).stdout, '');
  },
);

machineTest(
  'a machine without an engine gets one through a user with passwordless sudo',
  async (t) => {
    const program = await aProgram(t);
    const created = await program.run([...createFlags(bare(), 'ann'), 'bare']);
    t.is(created.code, 0, created.stderr + created.stdout);
    t.regex(created.stdout, /installing docker\.io.* with apt \(dockerd missing\)/u);
    const store = new MachineStore(program.home);
    const credentials = await engineCredentials(store, await store.load('bare'), new Date());
    const version = await fetchEngineVersion(
      { host: bare().address, port: 2376 },
      credentials,
      5000,
    );
    t.regex(version.version, /^\d+\./u);
    const keys = await bare().exec(['stat', '-c', '%a %U', '/etc/shoal/engine/server-key.pem']);
    t.is(keys.stdout.trim(), '600 root');
    t.is((await program.run(['machine', 'rm', '-f', 'bare'])).code, 0);
  },
);

machineTest('machines created by several programs at once share one CA', async (t) => {
  const program = await aProgram(t);
  const created = await Promise.all([
    program.run([...createFlags(engine()), 'one']),
    program.run([...createFlags(bare(), 'ann'), 'two']),
  ]);
  t.deepEqual(
    created.map(({ code }) => code),
    [0, 0],
    created.map(({ stderr }) => stderr).join(''),
  );
  const listed = await program.run([
    'machine',
    'ls',
    '--format',
    '{{.Name}} {{.State}} {{.Error}}',
  ]);
  t.is(listed.stdout, 'one Running \ntwo Running \n');
  t.is((await program.run(['machine', 'rm', '-f', 'one', 'two'])).code, 0);
});

machineTest('a refused ssh key is reported', async (t) => {
  const program = await aProgram(t);
  const key = join(program.home, 'other-key');
  execFileSync('/usr/bin/ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', key]);
  const result = await program.run([...createFlags(engine(), 'root', key), 'web']);
  await fails(t, program, result, /web: root@10\.98\.40\.11:22 refused the ssh key/u);
});

machineTest('missing and invalid ssh keys are reported', async (t) => {
  const program = await aProgram(t);
  const missing = await program.run([...createFlags(engine(), 'root', '/nowhere/key'), 'web']);
  await fails(t, program, missing, /ssh key \/nowhere\/key: ENOENT/u);
  const broken = join(program.home, 'broken');
  await writeFile(broken, 'not a key\n');
  const result = await program.run([...createFlags(engine(), 'root', broken), 'web']);
  await fails(t, program, result, /is not a private key/u);
});

machineTest('an unreachable host is reported with address and port', async (t) => {
  const program = await aProgram(t);
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  const argv = ['machine', 'create', '--generic-ssh-key', engine().keyPath];
  const result = await program.run([
    ...argv,
    ...['--generic-ip-address', '127.0.0.1', '--generic-ssh-port', String(port), 'web'],
  ]);
  await fails(
    t,
    program,
    result,
    /web: root@127\.0\.0\.1:\d+ cannot be reached by ssh: connection refused/u,
  );
});

machineTest('a changed host key is refused', async (t) => {
  const program = await aProgram(t);
  t.is((await program.run([...createFlags(engine()), 'web'])).code, 0);
  const path = join(program.home, 'machines', 'web', 'config.json');
  const record = await readFile(path, 'utf8');
  await writeFile(path, record.replace(/SHA256:[^"]+/u, `SHA256:${'A'.repeat(43)}`));
  for (const argv of [
    ['provision', 'web'],
    ['ssh', 'web', 'true'],
    ['rm', '-y', 'web'],
  ]) {
    const result = await program.run(['machine', ...argv]);
    t.is(result.code, 1);
    t.regex(
      result.stderr,
      /^shoal: web: host key of 10\.98\.40\.11 changed from SHA256:A+ to SHA256:/u,
    );
    t.is(result.stderr.trim().split('\n').length, 1);
  }
  await writeFile(path, record);
  t.is((await program.run(['machine', 'rm', '-f', 'web'])).code, 0);
});

machineTest('sudo with a password is refused with a fix', async (t) => {
  const program = await aProgram(t);
  const rules = await bare().output(['sh', '-c', 'grep -rl "^ann" /etc/sudoers /etc/sudoers.d']);
  const file = rules.trim();
  const before = await bare().output(['cat', file]);
  const write = async (text: string): Promise<unknown> =>
    bare().output(['sh', '-c', 'printf %s "$1" >"$2"', 'sh', text, file]);
  t.teardown(async () => write(before));
  await write('ann ALL=(ALL) ALL\n');
  const result = await program.run([...createFlags(bare(), 'ann'), 'web']);
  await fails(
    t,
    program,
    result,
    /web: sudo requires a password; allow ann with "ann ALL=\(ALL\) NOPASSWD: ALL"/u,
  );
});

machineTest('an unsupported distribution is reported by name', async (t) => {
  const program = await aProgram(t);
  const release = '/etc/os-release';
  await bare().output(['cp', '--remove-destination', '-L', release, `${release}.before`]);
  t.teardown(async () => bare().exec(['mv', `${release}.before`, release]));
  await bare().output([
    'sh',
    '-c',
    `rm ${release}; printf 'ID=alpine\\nPRETTY_NAME="Alpine Linux v3.20"\\n' >${release}`,
  ]);
  const result = await program.run([...createFlags(bare()), 'web']);
  await fails(t, program, result, /web: Alpine Linux v3\.20 is not supported/u);
});

machineTest('a full disk is reported before the upload starts', async (t) => {
  const program = await aProgram(t);
  await bare().output(['sh', '-c', 'mkdir -p /opt && mount -t tmpfs -o size=40m tmpfs /opt']);
  t.teardown(async () => bare().exec(['umount', '/opt']));
  const result = await program.run([...createFlags(bare()), 'web']);
  await fails(t, program, result, /web: 40 MB free in \/opt, 1\d\d MB needed/u);
});

machineTest('a disk that fills up during the upload leaves no partial file', async (t) => {
  const program = await aProgram(t);
  await bare().output([
    'sh',
    '-c',
    'mkdir -p /opt/shoal && mount -t tmpfs -o size=40m tmpfs /opt/shoal',
  ]);
  t.teardown(async () => bare().exec(['umount', '/opt/shoal']));
  const provisioning = new ProvisionContext({ store: new MachineStore(program.home), env: {} });
  const uploads = await provisioning.uploadsFor(process.arch);
  const session = await SshSession.connect(
    { name: 'web', host: bare().address, port: 22, user: 'ann', keyPath: bare().keyPath },
    { timeoutMs: 10_000 },
  );
  t.teardown(() => {
    session.close();
  });
  const machine = new RemoteMachine(session, undefined);
  await machine.probeLogin();
  const step = { kind: 'upload-runtime', sum: uploads.runtime.sum, cause: 'not there' } as const;
  const onOutput = (): void => undefined;
  await t.throwsAsync(runStep({ machine, ...uploads, onOutput }, step), {
    message: /^web: no space left in \/opt\/shoal for the node runtime \(\d+ MB needed\)/u,
  });
  t.is((await bare().output(['find', '/opt/shoal/runtime', '-type', 'f'])).trim(), '');
});

machineTest('a worker cannot be created before its manager', async (t) => {
  const program = await aProgram(t);
  const result = await program.run([...createFlags(engine()), '--swarm', 'web']);
  await fails(
    t,
    program,
    result,
    /cluster "default" has no manager; create one first with --swarm --swarm-master/u,
  );
});
