import test from 'ava';
import { desiredCertificates } from '../../../cli/certificates/desired-certificates.js';
import type { MachineRecord } from '../../../cli/inventory/machine-record.js';
import { withEnginePort } from '../../../cli/inventory/machine-record.js';
import { certificatePaths } from '../../../cli/inventory/remote-paths.js';
import type { MachineSpec } from '../../../cli/provision/machine-spec.js';
import {
  checksummedPaths,
  desiredConfiguration,
  enabledLiveRestore,
} from '../../../cli/provision/machine-spec.js';
import { planConfigure } from '../../../cli/provision/plan.js';
import type { RootFacts } from '../../../cli/ssh/facts.js';

const record: MachineRecord = {
  ConfigVersion: 3,
  Name: 'node-1',
  DriverName: 'generic',
  Driver: {
    IPAddress: '192.0.2.1',
    MachineName: 'node-1',
    SSHUser: 'root',
    SSHPort: 22,
    SSHKeyPath: '',
    SSHHostKey: '',
    EnginePort: 2376,
    SwarmMaster: true,
  },
  HostOptions: {
    EngineOptions: {
      ArbitraryFlags: [],
      Env: [],
      InsecureRegistry: [],
      Labels: ['disk=ssd'],
      RegistryMirror: [],
      StorageDriver: '',
      TlsVerify: true,
    },
    SwarmOptions: {
      IsSwarm: true,
      Master: true,
      Discovery: 'embedded',
      Strategy: 'spread',
      Cluster: 'c',
      NodeID: 'n1',
    },
    AuthOptions: { ServerCertSANs: [] },
  },
  Provisioned: true,
  URL: '',
};

const membership = {
  clusterId: 'c1',
  clusterName: 'c',
  nodeId: 'n1',
  strategy: 'spread',
  managers: ['192.0.2.1:7070'],
} as const;

const facts: RootFacts = {
  commands: new Set(),
  engineVersion: '28.0.0',
  engineUnit: '',
  daemonJson: undefined,
  engineSwarm: false,
  engineStale: new Set(),
  runningContainers: 0,
  active: new Set(['docker', 'shoal-manager', 'shoal-worker']),
  freeKib: { opt: 0, varLib: 0 },
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

function specFor(role: 'manager' | 'worker' | undefined): MachineSpec {
  return {
    record,
    membership: role === undefined ? undefined : { ...membership, role },
    user: 'u',
    ca: 'ca',
    engineAnchor: 'ca',
  };
}

const obsolete = ['/etc/shoal/pki/engine-client.pem', '/etc/shoal/pki/engine-client-key.pem'];

for (const role of ['manager', 'worker', undefined] as const) {
  test(`unread engine client keys of earlier versions are removed from a machine with role ${String(role)}`, (t) => {
    t.true(obsolete.every((path) => checksummedPaths.includes(path)));
    const wanted = desiredConfiguration(specFor(role), {
      engine: { dropIn: '', daemonJson: undefined },
      note: { name: 'node-1', liveRestore: false },
      issued: new Map(),
      programChanged: false,
    });
    const sums = new Map(obsolete.map((path) => [path, 'x'] as const));
    const removed = planConfigure(wanted, { ...facts, sums }).flatMap((step) =>
      step.kind === 'remove-files' ? step.paths : [],
    );
    t.deepEqual(removed, obsolete);
    const steps = planConfigure(wanted, facts);
    t.false(steps.some(({ kind }) => kind === 'remove-files'));
  });
}

test('an engine without a port has no certificate, and files of its port are removed', (t) => {
  const closed = withEnginePort(record, false);
  const want = { ...specFor('worker'), record: closed };
  t.deepEqual(
    desiredCertificates(want).map(({ name }) => name),
    ['worker'],
  );
  const { files, absent } = desiredConfiguration(want, {
    engine: { dropIn: '', daemonJson: undefined },
    note: { name: 'node-1', liveRestore: false },
    issued: new Map(),
    programChanged: false,
  });
  t.false(files.some(({ path }) => path.startsWith('/etc/shoal/engine/')));
  const { cert, key } = certificatePaths.engine;
  for (const path of ['/etc/shoal/engine/ca.pem', cert, key]) {
    t.true(absent.includes(path));
    t.true(checksummedPaths.includes(path));
  }
  t.deepEqual(withEnginePort(closed, true), record);
});

test('a manager gets the certificates that it reads and no others', (t) => {
  const holder = { record, membership: { ...membership, role: 'manager' }, user: 'u' } as const;
  t.deepEqual(
    desiredCertificates(holder).map(({ name }) => name),
    ['engine', 'worker', 'intermediate', 'manager'],
  );
  t.false(Object.values(certificatePaths).some(({ key }) => key.includes('engine-client')));
});

test('a Consul agent has a certificate of its own, and only servers are named as such', (t) => {
  const names = (consulAgent: { readonly isServer: boolean } | undefined): readonly string[][] =>
    desiredCertificates({
      record,
      membership: { ...membership, role: 'worker', consulAgent },
      user: 'u',
    }).map(({ name, alternativeNames }) => [name, ...alternativeNames.slice(0, 1)]);
  t.deepEqual(names(undefined).slice(1), [['worker']]);
  t.deepEqual(names({ isServer: true }).slice(1), [['worker'], ['consul', 'server.dc1.consul']]);
  t.deepEqual(names({ isServer: false }).slice(1), [['worker'], ['consul', 'client.dc1.consul']]);
});

test('a malformed note of a machine is named with what to do', (t) => {
  t.false(enabledLiveRestore(undefined, 'node-1'));
  t.false(enabledLiveRestore('{}', 'node-1'));
  t.true(enabledLiveRestore('{"name":"node-1","liveRestore":true}', 'node-1'));
  for (const [note, fault] of [
    ['{', 'invalid JSON'],
    ['{"liveRestore":"yes"}', 'liveRestore must be true or false'],
  ] as const) {
    t.throws(() => enabledLiveRestore(note, 'node-1'), {
      message: `node-1: /etc/shoal/machine.json: ${fault}; run "shoal machine provision node-1", which writes it again`,
    });
  }
});
