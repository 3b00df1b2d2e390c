import test from 'ava';
import { newRecords } from '../../../cli/machine/new-record.js';
import { isAppError } from '../../../manager/common/base/errors.js';
import { createFlags as flags } from '../../helpers/program/create-flags.js';

test('names are paired with addresses in order, and the first machine is the master', (t) => {
  let next = 0;
  const records = newRecords(
    ['a', 'b'],
    { ...flags, genericIpAddress: ['10.0.0.1', '10.0.0.2'], swarmMaster: true },
    { cluster: 'prod', newId: () => `id${String(++next)}` },
  );
  t.deepEqual(
    records.map(({ Name, Driver, HostOptions: { SwarmOptions: swarm } }) => [
      Name,
      Driver.IPAddress,
      swarm.Master,
      swarm.NodeID,
      swarm.Cluster,
    ]),
    [
      ['a', '10.0.0.1', true, 'id1', 'prod'],
      ['b', '10.0.0.2', false, 'id2', 'prod'],
    ],
  );
});

test('with a shared store the first machines become managers', (t) => {
  const records = newRecords(
    ['a', 'b', 'c', 'd'],
    {
      ...flags,
      genericIpAddress: ['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'],
      swarmMaster: true,
      swarmManagers: 3,
      consulServer: true,
    },
    { cluster: 'prod', newId: () => 'id' },
  );
  t.deepEqual(
    records.map(({ HostOptions: { SwarmOptions: swarm } }) => [swarm.Master, swarm.Discovery]),
    [true, true, true, false].map((isMaster) => [isMaster, 'consul://127.0.0.1:8500']),
  );
});

for (const [title, names, changed, expected] of [
  ['no name', [], {}, /no machine name/u],
  ['an invalid name', ['a_b'], {}, /invalid machine name "a_b"/u],
  [
    'a label with a line break',
    ['a'],
    { engineLabel: ['a=b\nExecStartPre=/bin/evil'] },
    /--engine-label a: has a control character; remove it/u,
  ],
  [
    'an environment variable with a line break',
    ['a'],
    { engineEnv: ['A=b\nExecStartPre=/bin/evil'] },
    /--engine-env A: has a control character; remove it/u,
  ],
  [
    'a name of the certificate with a line break',
    ['a'],
    { tlsSan: ['x\ny'] },
    /--tls-san x\?y: has a control character; remove it/u,
  ],
  ['a name that starts with a dash', ['-x'], {}, /invalid machine name "-x"/u],
  ['a name that is a relative path', ['..'], {}, /invalid machine name/u],
  [
    'a duplicate name',
    ['a', 'a'],
    { genericIpAddress: ['1.1.1.1', '1.1.1.2'] },
    /"a" is given twice/u,
  ],
  [
    'a duplicate address',
    ['a', 'b'],
    { genericIpAddress: ['1.1.1.1', '1.1.1.1'] },
    /address 1.1.1.1 is given twice/u,
  ],
  ['no address', ['a'], { genericIpAddress: [] }, /requires --generic-ip-address/u],
  ['too few addresses', ['a', 'b'], {}, /2 names, 1 addresses/u],
  ['an unknown driver', ['a'], { driver: 'bogus' }, /driver "bogus" not found/u],
  ['an unknown strategy', ['a'], { swarmStrategy: 'best' }, /unknown strategy "best"/u],
  [
    'an unsupported store',
    ['a'],
    { swarmDiscovery: 'zk://x' },
    /--swarm-discovery zk:\/\/x is not supported/u,
  ],
  ['a malformed consul', ['a'], { swarmDiscovery: 'consul://' }, /discovery must be consul:/u],
  [
    'several managers without a shared store',
    ['a'],
    { swarmMaster: true, swarmManagers: 3 },
    /several managers require a shared store/u,
  ],
  [
    'two managers',
    ['a'],
    { swarmMaster: true, swarmManagers: 2, consulServer: true },
    /expected 1, 3 or 5/u,
  ],
  [
    'more managers than machines',
    ['a'],
    { swarmMaster: true, swarmManagers: 3, consulServer: true },
    /--swarm-managers 3: only 1 machines/u,
  ],
  [
    'consul without a manager',
    ['a'],
    { swarm: true, consulServer: true },
    /--consul-server requires --swarm-master/u,
  ],
  [
    'a label without a value',
    ['a'],
    { engineLabel: ['ssd'] },
    /--engine-label ssd: expected KEY=VALUE/u,
  ],
  [
    'an engine option with leading dashes',
    ['a'],
    { engineOpt: ['--dns=1'] },
    /--engine-opt --dns=1/u,
  ],
  ['driver none without url', ['a'], { driver: 'none' }, /requires one name and --url/u],
] as const) {
  test(`create rejects ${title}`, (t) => {
    const error = t.throws(() => newRecords(names, { ...flags, ...changed }, undefined));
    t.true(isAppError(error) && error.kind === 'invalid');
    t.regex(error.message, expected);
  });
}

test('restoring a backup requires a new manager machine', (t) => {
  const membership = { cluster: 'prod', newId: () => 'id' };
  const restore = 'prod.backup';
  t.throws(() => newRecords(['a'], { ...flags, swarm: true, restore }, membership), {
    message: /--restore requires --swarm-master/,
  });
  const keyAlone = { ...flags, swarmMaster: true, restoreKey: 'cluster.key' };
  t.throws(() => newRecords(['a'], keyAlone, membership), { message: /--restore-key requires/ });
  const good = { ...flags, swarmMaster: true, restore, restoreKey: 'cluster.key' };
  t.true(newRecords(['a'], good, membership)[0]?.HostOptions.SwarmOptions.Master);
});
