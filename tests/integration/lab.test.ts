import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'ava';
import { isConflict, isUnavailable } from '../../manager/common/base/errors.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { openLab } from '../../fixtures/lab/lab.js';
import { run } from '../../fixtures/lab/run.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import { machineTest } from '../helpers/lab/machine-test.js';

const lab = openLab({ name: 'labtest', subnet: '10.98.102' });

test.before(() => lab.down());
test.after.always(() => lab.down());

async function reaches(from: Machine, to: Machine): Promise<boolean> {
  const { exitCode } = await from.exec(['ping', '-c', '1', '-W', '1', to.address]);
  return exitCode === 0;
}

/**
 * Waits until `to` answers. One ping is not enough: an address resolved while the path was cut
 * stays unresolved until the last of the kernel's three ARP requests, a second apart, has failed.
 */
const canReachSoon = (from: Machine, to: Machine): Promise<true> =>
  waitFor(`the path from ${from.name} to ${to.name}`, () => reaches(from, to));

const bootId = async (machine: Machine): Promise<string> =>
  (await machine.output(['cat', '/proc/sys/kernel/random/boot_id'])).trim();

/** Everything the lab may have left on the host, one line each. */
async function traces(): Promise<readonly string[]> {
  const ours = (line: string): boolean => line.includes('labtest');
  const groups = (await run(['find', '/sys/fs/cgroup', '-maxdepth', '2', '-type', 'd'])).split(
    '\n',
  );
  const processes = readdirSync('/proc')
    .filter((entry) => /^\d+$/.test(entry) && existsSync(`/proc/${entry}/cmdline`))
    .map((entry) => {
      try {
        return readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ');
      } catch {
        return '';
      }
    });
  return [
    ...(await run(['ip', '-o', 'link'])).split('\n'),
    ...(await run(['ip', 'netns'])).split('\n'),
    ...(await run(['nft', 'list', 'tables'])).split('\n'),
    ...readFileSync('/proc/self/mountinfo', 'utf8').split('\n'),
    ...groups,
    ...processes,
    ...(existsSync('/var/lib/shoal-lab') ? readdirSync('/var/lib/shoal-lab') : []),
  ].filter(ours);
}

machineTest(
  'each machine has SSH and an engine of its own, and a second up changes nothing',
  async (t) => {
    const machines = await lab.up(2);
    t.deepEqual(
      machines.map(({ name, address }) => [name, address]),
      [
        ['node-1', '10.98.102.11'],
        ['node-2', '10.98.102.12'],
      ],
    );
    const engines = await Promise.all(
      machines.map(async (machine) => {
        const { stdout } = await machine.ssh(['hostname; docker info --format {{.Name}}/{{.ID}}']);
        t.true(stdout.startsWith(`${machine.name}\n${machine.name}/`));
        return stdout;
      }),
    );
    t.not(engines[0], engines[1]);
    const [{ stdout: settings } = { stdout: 'no machine' }] = await Promise.all(
      machines.map((machine) =>
        machine.ssh([
          'diff ~/.bashrc /usr/share/base-files/dot.bashrc; ls -d ~/.shoal ~/.docker /etc/shoal 2>/dev/null; true',
        ]),
      ),
    );
    t.is(settings, '', 'a machine has no settings of the host');
    const before = await Promise.all(machines.map(bootId));
    const restarted = await lab.up(2);
    t.deepEqual(await Promise.all(restarted.map(bootId)), before);
  },
);

machineTest('machines reach each other and have distinct identities', async (t) => {
  const [a, b] = [lab.machine('node-1'), lab.machine('node-2')];
  t.true(await canReachSoon(a, b));
  for (const file of ['/etc/machine-id', '/etc/ssh/ssh_host_ed25519_key.pub'])
    t.not(await a.output(['cat', file]), await b.output(['cat', file]));
});

machineTest('a power cut loses everything but the disk', async (t) => {
  const machine = lab.machine('node-1');
  await machine.output(['sh', '-c', 'echo kept >/root/disk; echo lost >/run/memory; sync']);
  await machine.output(['ip', 'link', 'add', 'lost0', 'type', 'bridge']);
  const before = await bootId(machine);
  await machine.kill();
  t.false(machine.running);
  t.true(isUnavailable(t.throws(() => machine.initPid)));
  await machine.boot();
  await machine.ready();
  t.is((await machine.output(['cat', '/root/disk'])).trim(), 'kept');
  t.not((await machine.exec(['test', '-e', '/run/memory'])).exitCode, 0);
  t.not((await machine.exec(['ip', 'link', 'show', 'lost0'])).exitCode, 0);
  t.not(await bootId(machine), before);
});

machineTest('a machine restarts after a reboot, but not after a poweroff', async (t) => {
  const machine = lab.machine('node-2');
  const before = await bootId(machine);
  await machine.exec(['systemctl', 'reboot']);
  await waitFor(
    'another boot id',
    async () => machine.running && (await bootId(machine)) !== before,
  );
  await machine.ready();
  await machine.exec(['systemctl', 'poweroff']);
  await waitFor(
    'the machine to be off',
    () => !machine.running && !existsSync(`/sys/class/net/${machine.cable}`),
  );
  await lab.up(2);
  t.true(machine.running);
});

machineTest('a cut affects only its pair of machines, until healed', async (t) => {
  const [a, b] = [lab.machine('node-1'), lab.machine('node-2')];
  const [c] = await lab.up(['node-3'], { secondUnderlay: true });
  if (!c) throw new Error('no machine on the second underlay');
  t.is(c.address, '10.98.103.13');
  t.true(await canReachSoon(a, c));
  await lab.cut('node-1', 'node-2');
  await lab.cut('node-1', 'node-3');
  t.false(await reaches(a, b));
  t.false(await reaches(b, a));
  t.false(await reaches(a, c));
  t.true(await canReachSoon(b, c));
  await lab.heal('node-1', 'node-2');
  t.true(await canReachSoon(a, b));
  t.false(await reaches(a, c));
  await lab.heal('node-1');
  t.true(await canReachSoon(a, c));
});

machineTest('a pulled cable stays pulled over a power cycle, and exec still works', async (t) => {
  const [a, b] = [lab.machine('node-1'), lab.machine('node-2')];
  await lab.cut('node-2');
  t.false(await reaches(a, b));
  t.is((await b.output(['cat', '/sys/class/net/eth0/carrier'])).trim(), '0');
  await b.kill();
  await b.boot();
  await b.ready();
  t.false(await reaches(a, b));
  await lab.heal('node-2');
  t.true(await canReachSoon(a, b));
});

machineTest(
  'a machine can be created without an engine and with a sudo user instead of root',
  async (t) => {
    const [machine] = await lab.up(['node-4'], { engine: false, sudoUser: 'ann' });
    if (!machine) throw new Error('no machine was created');
    const found = await machine.exec(['sh', '-c', 'command -v dockerd containerd runc docker']);
    t.is(found.stdout, '');
    t.not((await machine.exec(['dpkg-query', '-W', 'docker.io'])).exitCode, 0);
    const asAnn = await machine.ssh(['id', '-un', '&&', 'sudo', '-n', 'id', '-un'], {
      user: 'ann',
    });
    t.is(asAnn.stdout, 'ann\nroot\n');
  },
);

machineTest('a lab with addresses in use is refused and leaves nothing behind', async (t) => {
  const other = openLab({ name: 'labtest2', subnet: '10.98.102' });
  const error = await t.throwsAsync(other.up(1));
  t.true(isConflict(error));
  t.regex(error.message, /10\.98\.102\.0\/24/);
  t.deepEqual(
    (await traces()).filter((line) => line.includes('labtest2')),
    [],
  );
});

machineTest('down leaves nothing on the host', async (t) => {
  t.true((await traces()).length > 0);
  await lab.down();
  t.deepEqual(
    await waitFor(
      'the traces to go',
      async () => {
        const left = await traces();
        return left.length === 0 && left;
      },
      { timeoutMs: 5000 },
    ).catch(traces),
    [],
  );
});
