import { createHash } from 'node:crypto';
import test from 'ava';
import fc from 'fast-check';
import { planCertificates } from '../../../cli/certificates/certificate-plan.js';
import type { CertificateFacts } from '../../../cli/certificates/certificate-plan.js';
import type { RootFacts } from '../../../cli/ssh/facts.js';
import { certificatePaths } from '../../../cli/inventory/layout.js';
import type { ConfigureWant, FileWant, Step } from '../../../cli/provision/plan.js';
import { describeStep, planConfigure, planSetup } from '../../../cli/provision/plan.js';

const bare: RootFacts = {
  commands: new Set(['ip', 'bridge', 'nft', 'tar', 'gzip', 'sha256sum', 'dockerd']),
  engineVersion: '20.10.24',
  engineUnit: '',
  daemonJson: undefined,
  engineSwarm: false,
  runningContainers: 0,
  active: new Set(['docker']),
  freeKib: { opt: 9_000_000, varLib: 9_000_000 },
  runtimes: new Set(),
  apps: new Set(),
  consuls: new Set(),
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

const lines = (steps: readonly Step[]): readonly string[] => steps.map(describeStep);

test('a bare machine gets runtime, application, packages and links', (t) => {
  const facts = { ...bare, commands: new Set(['tar', 'gzip', 'sha256sum', 'ip', 'bridge']) };
  t.deepEqual(lines(planSetup(want, facts, 'apt')), [
    'upload-runtime rrrrrrrrrrrr: not there',
    'upload-app aaaaaaaaaaaa: not there',
    'install docker.io ca-certificates nftables (apt): dockerd, nft missing',
    'link rrrrrrrrrrrr aaaaaaaaaaaa: first time',
  ]);
});

test('what is there is not sent again', (t) => {
  const facts = {
    ...bare,
    runtimes: new Set([want.runtime.sum]),
    apps: new Set([want.app.sum]),
    links: { runtime: want.runtime.sum, app: want.app.sum },
  };
  t.deepEqual(planSetup(want, facts, 'apt'), []);
  const older = { ...facts, links: { ...facts.links, app: 'b'.repeat(64) } };
  t.deepEqual(lines(planSetup(want, older, 'apt')), [
    'link rrrrrrrrrrrr aaaaaaaaaaaa: another version is in use',
  ]);
});

test('consul is uploaded, left as it is, or taken from the distribution', (t) => {
  const facts = {
    ...bare,
    runtimes: new Set([want.runtime.sum]),
    apps: new Set([want.app.sum]),
    links: { runtime: want.runtime.sum, app: want.app.sum },
  };
  const given = { ...want, consul: { sum: 'c'.repeat(64), bytes: 60_000_000 } };
  t.deepEqual(lines(planSetup(given, facts, 'apt')), ['upload-consul cccccccccccc: not there']);
  const there = { ...facts, consuls: new Set([given.consul.sum]) };
  t.deepEqual(planSetup(given, there, 'apt'), []);
  const fromPackage = { ...want, consul: 'package' } as const;
  t.deepEqual(lines(planSetup(fromPackage, facts, 'apt')), [
    'install consul (apt): consul missing',
  ]);
  const installed = { ...facts, commands: new Set([...facts.commands, 'consul']) };
  t.deepEqual(planSetup(fromPackage, installed, 'apt'), []);
});

test('a full disk is found before anything is sent', (t) => {
  const facts = { ...bare, freeKib: { opt: 50_000, varLib: 9_000_000 } };
  t.throws(() => planSetup(want, facts, 'apt'), {
    message: 'node-1: 48 MB free in /opt, 118 MB needed: free some space and run it again',
  });
});

const sha = (text: string): string => createHash('sha256').update(text).digest('hex');
const file = (path: string, content = 'x'): FileWant => ({ path, content, mode: 0o644 });

const dropIn = '/etc/systemd/system/docker.service.d/10-shoal.conf';
const wanted: ConfigureWant = {
  files: [
    file(dropIn),
    file('/etc/docker/daemon.json'),
    file('/etc/shoal/worker.json'),
    file('/etc/shoal/manager.json'),
    file('/usr/local/bin/shoal'),
  ],
  absent: [],
  units: ['shoal-manager', 'shoal-worker'],
  programChanged: false,
};

function with_(files: readonly FileWant[], facts: RootFacts): RootFacts {
  return { ...facts, sums: new Map(files.map(({ path, content }) => [path, sha(content)])) };
}

const running = { ...bare, active: new Set(['docker', 'shoal-manager', 'shoal-worker']) };

test('a machine that is as it should be is left alone', (t) => {
  t.deepEqual(planConfigure(wanted, with_(wanted.files, running)), []);
});

test('running containers are kept over the restart that TLS needs', (t) => {
  const facts = { ...bare, runningContainers: 2 };
  t.deepEqual(lines(planConfigure(wanted, facts)), [
    `write ${wanted.files.map(({ path }) => path).join(' ')}: 5 missing, 0 different`,
    `restart engine keeping containers: ${dropIn} changed`,
    'restart-unit shoal-manager: it does not run',
    'restart-unit shoal-worker: it does not run',
  ]);
});

test('only the service whose settings changed is restarted', (t) => {
  const changed = wanted.files.map((each) =>
    each.path.endsWith('worker.json') ? { ...each, content: 'y' } : each,
  );
  t.deepEqual(lines(planConfigure({ ...wanted, files: changed }, with_(wanted.files, running))), [
    'write /etc/shoal/worker.json: 0 missing, 1 different',
    'restart-unit shoal-worker: /etc/shoal/worker.json changed',
  ]);
});

test('a new program restarts the services and not the engine', (t) => {
  const steps = planConfigure({ ...wanted, programChanged: true }, with_(wanted.files, running));
  t.deepEqual(lines(steps), [
    'restart-unit shoal-manager: its program changed',
    'restart-unit shoal-worker: its program changed',
  ]);
});

test('a machine that left its cluster stops the services and loses their files', (t) => {
  const left = {
    ...wanted,
    files: [file(dropIn)],
    absent: ['/etc/shoal/worker.json', '/etc/shoal/pki/worker.pem'],
    units: [],
  };
  t.deepEqual(lines(planConfigure(left, with_(wanted.files, running))), [
    'stop-unit shoal-worker: this machine is not to run it',
    'stop-unit shoal-manager: this machine is not to run it',
    'remove /etc/shoal/worker.json: not wanted any more',
  ]);
});

test('after a plan is carried out there is nothing left to do', (t) => {
  const path = fc.constantFrom(...wanted.files.map((each) => each.path), '/etc/shoal/pki/ca.pem');
  const files = fc.uniqueArray(fc.record({ path, content: fc.string() }), {
    selector: (each) => each.path,
  });
  const units = fc.subarray(['shoal-manager', 'shoal-worker'] as const);
  fc.assert(
    fc.property(files, files, units, fc.boolean(), (seen, ordered, on, hasContainers) => {
      const asked = ordered.map(({ path: at, content }) => file(at, content));
      const facts = with_(
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
const good: CertificateFacts = {
  subject: 'n1/worker/c1',
  alternativeNames: ['10.0.0.1', 'node-1'],
  notBeforeMs: 0,
  notAfterMs: 90 * day,
  signedByAuthority: true,
};

for (const [title, seen, keys, nowDays, cause] of [
  ['is kept while it is good', good, true, 10, undefined],
  ['is issued when it is not there', undefined, true, 10, 'not there'],
  ['is issued when its key is gone', good, false, 10, 'its key is missing'],
  [
    'is issued when another authority signed it',
    { ...good, signedByAuthority: false },
    true,
    10,
    'signed by another authority',
  ],
  [
    'is issued for a machine that changed its cluster',
    { ...good, subject: 'n1/worker/c0' },
    true,
    10,
    'made for n1/worker/c0',
  ],
  [
    'is issued when the address changed',
    { ...good, alternativeNames: ['node-1'] },
    true,
    10,
    'does not name 10.0.0.1',
  ],
  ['is renewed in the last third of its life', good, true, 61, 'expires soon'],
] as const) {
  test(`a certificate ${title}`, (t) => {
    const orders = planCertificates({
      wanted: [
        { name: 'worker', subject: 'n1/worker/c1', alternativeNames: ['10.0.0.1', 'node-1'] },
      ],
      seen: new Map(seen === undefined ? [] : [['worker', seen]]),
      keys: new Set(keys ? [certificatePaths.worker.key] : []),
      nowMs: nowDays * day,
      renew: false,
    });
    t.deepEqual(orders, cause === undefined ? [] : [{ name: 'worker', cause }]);
  });
}
