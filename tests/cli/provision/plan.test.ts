import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { planCertificates } from '../../../cli/certificates/certificate-plan.js';
import type { InstalledCertificate } from '../../../cli/certificates/certificate-plan.js';
import type { RootFacts } from '../../../cli/ssh/facts.js';
import { certificatePaths } from '../../../cli/inventory/remote-paths.js';
import type {
  DesiredConfiguration,
  DesiredFile,
  ProvisionStep,
} from '../../../cli/provision/plan.js';
import { describeStep } from '../../helpers/decisions/describe-step.js';
import { planConfigure, planSetup } from '../../../cli/provision/plan.js';

const bare: RootFacts = {
  commands: new Set(['ip', 'bridge', 'nft', 'tar', 'gzip', 'sha256sum', 'dockerd']),
  engineVersion: '20.10.24',
  engineUnit: '',
  daemonJson: undefined,
  engineSwarm: false,
  engineStale: new Set(),
  runningContainers: 0,
  active: new Set(['docker']),
  freeKib: { opt: 9_000_000, varLib: 9_000_000 },
  runtimes: new Set(),
  apps: new Set(),
  consuls: new Set(),
  users: new Set(),
  links: { runtime: '', app: '' },
  machineNote: undefined,
  sums: new Map(),
  keys: new Set(),
  certificates: new Map(),
};

const want = {
  machine: 'node-1',
  runtime: { sum: 'r'.repeat(64), bytes: 100_000_000 },
  app: { sum: 'a'.repeat(64), bytes: 12_000_000 },
};

const lines = (steps: readonly ProvisionStep[]): readonly string[] => steps.map(describeStep);

test('a bare machine gets runtime, application, packages and links', (t) => {
  const facts = { ...bare, commands: new Set(['tar', 'gzip', 'sha256sum', 'ip', 'bridge']) };
  t.deepEqual(lines(planSetup(want, facts, 'apt')), [
    'upload-runtime rrrrrrrrrrrr: missing',
    'upload-app aaaaaaaaaaaa: missing',
    'install docker.io ca-certificates nftables (apt): dockerd, nft missing',
    'link rrrrrrrrrrrr aaaaaaaaaaaa: first installation',
  ]);
});

test('an engine that has not read its certificates is restarted', (t) => {
  const ca = '/etc/shoal/engine/ca.pem';
  const wanted = { files: [], absent: [], units: [], users: [], programChanged: false };
  t.deepEqual(lines(planConfigure(wanted, { ...bare, engineStale: new Set([ca]) })), [
    `restart engine: ${ca} changed`,
  ]);
  t.deepEqual(lines(planConfigure(wanted, bare)), []);
});

test('installed versions are not uploaded again', (t) => {
  const facts = {
    ...bare,
    runtimes: new Set([want.runtime.sum]),
    apps: new Set([want.app.sum]),
    links: { runtime: want.runtime.sum, app: want.app.sum },
  };
  t.deepEqual(planSetup(want, facts, 'apt'), []);
  const older = { ...facts, links: { ...facts.links, app: 'b'.repeat(64) } };
  t.deepEqual(lines(planSetup(want, older, 'apt')), [
    'link rrrrrrrrrrrr aaaaaaaaaaaa: another version is active',
  ]);
});

test('consul is uploaded, left unchanged, or installed from the distribution', (t) => {
  const facts = {
    ...bare,
    runtimes: new Set([want.runtime.sum]),
    apps: new Set([want.app.sum]),
    links: { runtime: want.runtime.sum, app: want.app.sum },
  };
  const given = { ...want, consul: { sum: 'c'.repeat(64), bytes: 60_000_000 } };
  t.deepEqual(lines(planSetup(given, facts, 'apt')), ['upload-consul cccccccccccc: missing']);
  const uploaded = { ...facts, consuls: new Set([given.consul.sum]) };
  t.deepEqual(planSetup(given, uploaded, 'apt'), []);
  const fromPackage = { ...want, consul: 'package' } as const;
  t.deepEqual(lines(planSetup(fromPackage, facts, 'apt')), [
    'install consul (apt): consul missing',
  ]);
  const installed = { ...facts, commands: new Set([...facts.commands, 'consul']) };
  t.deepEqual(planSetup(fromPackage, installed, 'apt'), []);
});

test('a full disk is reported before any upload', (t) => {
  const facts = { ...bare, freeKib: { opt: 50_000, varLib: 9_000_000 } };
  t.throws(() => planSetup(want, facts, 'apt'), {
    message: 'node-1: 48 MB free in /opt, 118 MB needed; free disk space and try again',
  });
});

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const file = (path: string, content = 'x'): DesiredFile => ({ path, content, mode: 0o644 });

const dropIn = '/etc/systemd/system/docker.service.d/10-shoal.conf';
const wanted: DesiredConfiguration = {
  files: [
    file(dropIn),
    file('/etc/docker/daemon.json'),
    file('/etc/shoal/worker.json'),
    file('/etc/shoal/manager.json'),
    file('/usr/local/bin/shoal'),
  ],
  absent: [],
  units: ['shoal-manager', 'shoal-worker'],
  users: [],
  programChanged: false,
};

function withFiles(files: readonly DesiredFile[], facts: RootFacts): RootFacts {
  return { ...facts, sums: new Map(files.map(({ path, content }) => [path, sha(content)])) };
}

const running = { ...bare, active: new Set(['docker', 'shoal-manager', 'shoal-worker']) };

test('an up-to-date machine needs no steps', (t) => {
  t.deepEqual(planConfigure(wanted, withFiles(wanted.files, running)), []);
});

test('a missing system user is created before its files are written', (t) => {
  const changed = [file('/etc/shoal/manager.json', 'y')];
  const want = { ...wanted, files: changed, users: ['shoal-manager'] };
  t.deepEqual(lines(planConfigure(want, running)).slice(0, 2), [
    'create user shoal-manager: missing',
    'write /etc/shoal/manager.json: 1 missing, 0 different',
  ]);
  const facts = { ...withFiles(changed, running), users: new Set(['shoal-manager']) };
  t.deepEqual(planConfigure(want, facts), []);
});

test('running containers survive the engine restart that enables TLS', (t) => {
  const facts = { ...bare, runningContainers: 2 };
  t.deepEqual(lines(planConfigure(wanted, facts)), [
    `write ${wanted.files.map(({ path }) => path).join(' ')}: 5 missing, 0 different`,
    `restart engine keeping containers: ${dropIn} changed`,
    'restart-unit shoal-manager: not running',
    'restart-unit shoal-worker: not running',
  ]);
});

test('only the unit with changed settings is restarted', (t) => {
  const changed = wanted.files.map((each) =>
    each.path.endsWith('worker.json') ? { ...each, content: 'y' } : each,
  );
  t.deepEqual(
    lines(planConfigure({ ...wanted, files: changed }, withFiles(wanted.files, running))),
    [
      'write /etc/shoal/worker.json: 0 missing, 1 different',
      'restart-unit shoal-worker: /etc/shoal/worker.json changed',
    ],
  );
});

test('a new program version restarts the units but not the engine', (t) => {
  const steps = planConfigure(
    { ...wanted, programChanged: true },
    withFiles(wanted.files, running),
  );
  t.deepEqual(lines(steps), [
    'restart-unit shoal-manager: program changed',
    'restart-unit shoal-worker: program changed',
  ]);
});

test('a machine outside any cluster stops the units and removes their files', (t) => {
  const left = {
    ...wanted,
    files: [file(dropIn)],
    absent: ['/etc/shoal/worker.json', '/etc/shoal/pki/worker.pem'],
    units: [],
  };
  t.deepEqual(lines(planConfigure(left, withFiles(wanted.files, running))), [
    'stop-unit shoal-worker: not part of the role of this machine',
    'stop-unit shoal-manager: not part of the role of this machine',
    'remove /etc/shoal/worker.json: no longer needed',
  ]);
});

test('planning is idempotent: after its steps ran, a plan is empty', (t) => {
  const path = fc.constantFrom(...wanted.files.map((each) => each.path), '/etc/shoal/pki/ca.pem');
  const files = fc.uniqueArray(fc.record({ path, content: fc.string() }), {
    selector: (each) => each.path,
  });
  const units = fc.subarray(['shoal-manager', 'shoal-worker'] as const);
  fc.assert(
    fc.property(files, files, units, fc.boolean(), (seen, ordered, on, hasContainers) => {
      const asked = ordered.map(({ path: at, content }) => file(at, content));
      const facts = withFiles(
        seen.map(({ path: at, content }) => file(at, content)),
        { ...bare, runningContainers: hasContainers ? 1 : 0 },
      );
      const goal = { ...wanted, files: asked, units: on };
      const sums = new Map(facts.sums);
      const active = new Set(facts.active);
      for (const step of planConfigure(goal, facts)) {
        if (step.kind === 'write-files') {
          for (const each of step.files) sums.set(each.path, sha(each.content));
        }
        if (step.kind === 'restart-unit') active.add(step.unit);
        if (step.kind === 'stop-unit') active.delete(step.unit);
      }
      t.deepEqual(planConfigure(goal, { ...facts, sums, active }), []);
    }),
  );
});

const day = 86_400_000;
const good: InstalledCertificate = {
  subject: 'n1/worker/c1',
  alternativeNames: ['10.0.0.1', 'node-1'],
  notBeforeMs: 0,
  notAfterMs: 90 * day,
  signedByAuthority: true,
};

for (const [title, seen, keys, nowDays, cause] of [
  ['is kept while it is valid', good, true, 10, undefined],
  ['is issued if it is missing', undefined, true, 10, 'missing'],
  ['is issued if its key is missing', good, false, 10, 'its key is missing'],
  [
    'is issued if another CA signed it',
    { ...good, signedByAuthority: false },
    true,
    10,
    'signed by another CA',
  ],
  [
    'is issued for a machine that changed its cluster',
    { ...good, subject: 'n1/worker/c0' },
    true,
    10,
    'issued to n1/worker/c0',
  ],
  [
    'is issued if the address changed',
    { ...good, alternativeNames: ['node-1'] },
    true,
    10,
    'lacks the names 10.0.0.1',
  ],
  ['is renewed in the last third of its lifetime', good, true, 61, 'expires soon'],
] as const) {
  test(`a certificate ${title}`, (t) => {
    const orders = planCertificates({
      wanted: [
        {
          name: 'worker',
          subject: 'n1/worker/c1',
          alternativeNames: ['10.0.0.1', 'node-1'],
        },
      ],
      seen: new Map(seen === undefined ? [] : [['worker', seen]]),
      keys: new Set(keys ? [certificatePaths.worker.key] : []),
      nowMs: nowDays * day,
      renew: false,
    });
    t.deepEqual(orders, cause === undefined ? [] : [{ name: 'worker', cause }]);
  });
}
