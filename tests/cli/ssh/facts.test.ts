import test from 'ava';
import { parseLoginFacts, parseOsRelease, parseRootFacts } from '../../../cli/ssh/facts.js';
import {
  preflightCheck,
  missingPackages,
  packageManagerFor,
} from '../../../cli/provision/packages.js';

const nowMs = 1_700_000_000_000;

function login(
  parts: Partial<Record<'uid' | 'sudo' | 'os' | 'arch' | 'libc' | 'time' | 'systemd', string>>,
): string {
  return [
    ['uid', parts.uid ?? '0'],
    ['sudo', parts.sudo ?? 'root'],
    ['os-release', parts.os ?? 'ID=debian\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"'],
    ['arch', parts.arch ?? 'x86_64'],
    ['libc', parts.libc ?? 'glibc 2.36'],
    ['time', parts.time ?? String(nowMs / 1000)],
    ['systemd', parts.systemd ?? 'yes'],
  ]
    .map(([name, text]) => `\n@@${String(name)}\n${String(text)}`)
    .join('\n');
}

test('login facts are parsed despite a shell banner', (t) => {
  const facts = parseLoginFacts(`Welcome!\n${login({ uid: '1000', sudo: 'passwordless' })}`);
  t.deepEqual(facts, {
    uid: 1000,
    root: 'sudo',
    os: { id: 'debian', idLike: [], name: 'Debian GNU/Linux 12 (bookworm)' },
    arch: 'x64',
    libc: 'glibc',
    timeSeconds: nowMs / 1000,
    systemd: true,
  });
});

test('truncated probe output is rejected', (t) => {
  t.throws(() => parseLoginFacts('\n@@uid\n0\n@@sudo\nroot\n'), {
    message: /unexpected output of the machine probe/u,
  });
  t.throws(() => parseLoginFacts('This account is not available.\n'), { message: /probe/u });
});

test('os-release is parsed with and without quotes', (t) => {
  t.deepEqual(parseOsRelease(`NAME='Linux Mint'\nID=linuxmint\nID_LIKE="ubuntu debian"\n# x\n`), {
    id: 'linuxmint',
    idLike: ['ubuntu', 'debian'],
    name: 'Linux Mint',
  });
});

for (const [id, like, wanted] of [
  ['debian', [], 'apt'],
  ['linuxmint', ['ubuntu', 'debian'], 'apt'],
  ['fedora', [], 'dnf'],
  ['rocky', ['rhel', 'centos', 'fedora'], 'dnf-ce'],
  ['ol', ['fedora'], 'dnf-ce'],
  ['opensuse-leap', ['suse', 'opensuse'], 'zypper'],
  ['arch', [], 'pacman'],
  ['alpine', [], undefined],
] as const) {
  test(`the package manager of ${id} is ${wanted ?? 'not supported'}`, (t) => {
    t.is(packageManagerFor({ id, idLike: like, name: id }), wanted);
  });
}

const machine = { name: 'node-2', user: 'ada' };

for (const [title, parts, expected] of [
  [
    'an unknown distribution',
    { os: 'ID=alpine\nPRETTY_NAME="Alpine Linux v3.20"' },
    /node-2: Alpine Linux v3.20 is not supported/u,
  ],
  ['a machine without systemd', { systemd: '' }, /does not run systemd/u],
  [
    'sudo with a password',
    { uid: '1000', sudo: 'refused sudo: a password is required' },
    /sudo requires a password; allow ada with "ada ALL=\(ALL\) NOPASSWD: ALL"/u,
  ],
  [
    'sudo with requiretty',
    { uid: '1000', sudo: 'refused sudo: sorry, you must have a tty to run sudo' },
    /remove "requiretty" for ada/u,
  ],
  [
    'a user without sudo',
    { uid: '1000', sudo: 'missing' },
    /user ada is not root and sudo is not installed/u,
  ],
  [
    'a clock that is far behind',
    { time: String(nowMs / 1000 - 90_000) },
    /clock is 90000 s behind/u,
  ],
] as const) {
  test(`the preflight check rejects ${title}`, (t) => {
    const error = t.throws(() => preflightCheck(machine, parseLoginFacts(login(parts)), nowMs));
    t.regex(error.message, expected);
    t.false(error.message.includes('\n'));
  });
}

const rootOutput = `
@@commands
ip
bridge
tar
gzip
sha256sum

@@engine-version
Docker version 20.10.24+dfsg1, build 297e128

@@engine-unit

@@daemon-json

@@engine-swarm

@@containers
0

@@active
docker

@@disk
Filesystem     1024-blocks    Used Available Capacity Mounted on
overlay          100000000 5000000  95000000       5% /
/dev/vda1         20000000 5000000  15000000      25% /var/lib

@@runtimes
6295488653f0

@@apps

@@links
runtime ../../runtime/6295488653f0
app

@@machine

@@sums
aaaa  /etc/shoal/worker.json

@@keys
/etc/shoal/pki/worker-key.pem

@@certificate /etc/shoal/pki/worker.pem
-----BEGIN CERTIFICATE-----
AAAA
-----END CERTIFICATE-----

@@certificate /etc/shoal/pki/manager.pem

`;

test('root facts are parsed from the probe output', (t) => {
  const facts = parseRootFacts(rootOutput);
  t.deepEqual([...facts.commands], ['ip', 'bridge', 'tar', 'gzip', 'sha256sum']);
  t.is(facts.engineVersion, '20.10.24+dfsg1');
  t.is(facts.daemonJson, undefined);
  t.deepEqual(facts.freeKib, { opt: 95_000_000, varLib: 15_000_000 });
  t.deepEqual(facts.links, { runtime: '6295488653f0', app: '' });
  t.is(facts.sums.get('/etc/shoal/worker.json'), 'aaaa');
  t.true(facts.keys.has('/etc/shoal/pki/worker-key.pem'));
  t.deepEqual([...facts.certificates.keys()], ['/etc/shoal/pki/worker.pem']);
});

test('only packages of missing commands are installed', (t) => {
  const facts = parseRootFacts(rootOutput);
  t.deepEqual(missingPackages('apt', facts, false), {
    packages: ['docker.io', 'ca-certificates', 'nftables'],
    cause: 'dockerd, nft missing',
  });
  const whole = { ...facts, commands: new Set(['dockerd', 'nft', 'ip', 'bridge']) };
  t.deepEqual(missingPackages('apt', whole, false).packages, []);
  t.deepEqual(missingPackages('apt', whole, true).packages, ['consul']);
});
