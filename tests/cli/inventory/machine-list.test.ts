import test from 'ava';
import type { MachineState } from '../../../cli/inventory/machine-list.js';
import {
  parseMachineFilters,
  matchesMachineFilters,
  matchesStateFilter,
  toMachineRow,
} from '../../../cli/inventory/machine-list.js';
import type { MachineRecord } from '../../../cli/inventory/machine-record.js';
import { planRemoval } from '../../../cli/machine/plan-removal.js';

function machine(
  name: string,
  parts: { cluster?: string; master?: boolean; labels?: string[]; driver?: 'none' } = {},
): MachineRecord {
  const { cluster = '', master = false, labels = [], driver = 'generic' } = parts;
  return {
    ConfigVersion: 3,
    Name: name,
    DriverName: driver,
    Driver: {
      IPAddress: `${name}.example`,
      MachineName: name,
      SSHUser: 'root',
      SSHPort: 22,
      SSHKeyPath: '',
      SSHHostKey: '',
      EnginePort: 2376,
      SwarmMaster: master,
    },
    HostOptions: {
      EngineOptions: {
        ArbitraryFlags: [],
        Env: [],
        InsecureRegistry: [],
        Labels: labels,
        RegistryMirror: [],
        StorageDriver: '',
        TlsVerify: true,
      },
      SwarmOptions: {
        IsSwarm: cluster !== '',
        Master: master,
        Discovery: '',
        Strategy: 'spread',
        Cluster: cluster,
        NodeID: '',
      },
      AuthOptions: { ServerCertSANs: [] },
    },
    Provisioned: true,
    URL: 'tcp://1.2.3.4:2375',
  };
}

const all = [
  machine('m1', { cluster: 'prod', master: true, labels: ['disk=ssd'] }),
  machine('w2', { cluster: 'prod', labels: ['disk=hdd'] }),
  machine('w3', { cluster: 'prod' }),
  machine('alone', { driver: 'none', labels: ['disk=ssd'] }),
];

const up: MachineState = { state: 'Running', engineVersion: '20.10.24', error: '', responseMs: 3 };

const names = (...entries: string[]): readonly string[] => {
  const filters = parseMachineFilters(entries);
  return all
    .filter((record) => matchesMachineFilters(filters, record, all))
    .map(({ Name }) => Name);
};

test('different filter keys are combined with AND, equal keys with OR', (t) => {
  t.deepEqual(names(), ['m1', 'w2', 'w3', 'alone']);
  t.deepEqual(names('label=disk=ssd'), ['m1', 'alone']);
  t.deepEqual(names('label=disk=ssd', 'label=disk=hdd'), ['m1', 'w2', 'alone']);
  t.deepEqual(names('label=disk=ssd', 'driver=none'), ['alone']);
  t.deepEqual(names('name=^w[2-3]$'), ['w2', 'w3']);
  t.deepEqual(names('swarm=m1'), ['m1', 'w2', 'w3']);
});

test('the state filter ignores case', (t) => {
  t.true(matchesStateFilter(parseMachineFilters(['state=running']), up));
  t.false(matchesStateFilter(parseMachineFilters(['state=Stopped']), up));
});

test('an unknown filter key or a bad pattern is rejected', (t) => {
  t.throws(() => parseMachineFilters(['colour=red']), { message: /filter "colour=red"/u });
  t.throws(() => parseMachineFilters(['name=(']), {
    message: /is not a valid regular expression/u,
  });
});

test('a row has the same columns as docker-machine', (t) => {
  const cells = (name: string, state: MachineState, host: string): readonly string[] => {
    const record = all.find(({ Name }) => Name === name);
    return record === undefined ? [] : toMachineRow(record, state, all, host).cells;
  };
  t.deepEqual(cells('m1', up, 'tcp://m1.example:2376'), [
    'm1',
    '*',
    'generic',
    'Running',
    'tcp://m1.example:2376',
    'm1 (master)',
    'v20.10.24',
    '',
  ]);
  t.is(cells('m1', up, 'tcp://m1.example:7070')[1], '* (swarm)');
  t.deepEqual(cells('w2', { ...up, state: 'Stopped', engineVersion: undefined }, ''), [
    'w2',
    '-',
    'generic',
    'Stopped',
    '',
    'm1',
    'Unknown',
    '',
  ]);
  t.is(cells('alone', up, '')[4], 'tcp://1.2.3.4:2375');
});

const select = (wanted: readonly string[]): readonly MachineRecord[] =>
  all.filter(({ Name }) => wanted.includes(Name));

test('workers are removed before their manager', (t) => {
  const plan = planRemoval(select(['m1', 'w2', 'w3', 'alone']), all, false);
  t.deepEqual(
    plan.workers.map(({ Name }) => Name),
    ['w2', 'w3', 'alone'],
  );
  t.deepEqual(
    plan.managers.map(({ Name }) => Name),
    ['m1'],
  );
  t.deepEqual([...plan.dissolvedClusters], ['prod']);
});

test('removing the last manager before its members requires force', (t) => {
  t.throws(() => planRemoval(select(['m1', 'w2']), all, false), {
    message:
      'm1 is the last manager of cluster "prod", which still has w3; remove them too, or use -f',
  });
  t.notThrows(() => planRemoval(select(['m1']), all, true));
  t.notThrows(() => planRemoval(select(['w2']), all, false));
});
