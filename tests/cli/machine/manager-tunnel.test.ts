import { userInfo } from 'node:os';
import test from 'ava';
import type { ClusterContext } from '../../../cli/inventory/context.js';
import { MachineStore } from '../../../cli/inventory/machine-store.js';
import { isFiltered, reachManagers } from '../../../cli/machine/manager-tunnel.js';
import { newRecords } from '../../../cli/machine/new-record.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';
import { createFlags } from '../../helpers/program/create-flags.js';
import { startSshServerWithKey } from '../../helpers/program/ssh-server.js';

const managers = ['https://192.0.2.1:7070', 'https://[2001:db8::1]:7070'];

test('a lost manager does not delay a command', async (t) => {
  const never = new Promise<never>(() => undefined);
  const hosts: string[] = [];
  const found = await isFiltered(managers, async ({ host }) => {
    hosts.push(host);
    return host === '192.0.2.1' ? never : 'open';
  });
  t.false(found);
  t.deepEqual(hosts, ['192.0.2.1', '2001:db8::1']);
});

test('a firewall is one that drops the packets to every manager', async (t) => {
  t.true(await isFiltered(managers, () => Promise.resolve('timeout')));
  t.false(await isFiltered(managers, () => Promise.resolve('closed')));
});

test('calls of a command share a tunnel', async (t) => {
  const server = await startSshServerWithKey(t);
  const store = new MachineStore(await temporaryFolder(t));
  const flags = {
    ...createFlags,
    genericIpAddress: ['127.0.0.1'],
    genericSshPort: server.port,
    genericSshUser: userInfo().username,
  };
  const [record] = newRecords(['web'], flags, undefined);
  if (record === undefined) throw new Error('no record');
  await store.reserve('web');
  const SSHKeyPath = await store.copyKey('web', server.keyPath);
  const pin = { SSHHostKey: server.print, SSHPublicHostKey: server.publicKey };
  await store.save({ ...record, Driver: { ...record.Driver, SSHKeyPath, ...pin } });
  const name = 'prod';
  await store.updateCluster(name, () => ({
    name,
    id: 'id',
    strategy: 'spread',
    managers: [{ name: 'web', nodeId: 'node', url: 'https://127.0.0.1:7070' }],
  }));
  const context: ClusterContext = {
    ...{ name, id: 'id', managers, via: 'ssh' },
    ...{ caPath: '', certPath: '', keyPath: '' },
  };
  const options = { home: store.home, env: { HOME: server.home }, warn: () => undefined };
  const reached = await Promise.all([1, 2].map(() => reachManagers(context, options)));
  const [first] = reached;
  if (first === undefined) throw new Error('no context');
  t.regex(first.managers[0] ?? '', /^https:\/\/127\.0\.0\.1:\d+$/u);
  for (const other of [...reached, await reachManagers(context, options)])
    t.deepEqual(other.managers, first.managers);
});
