import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { join } from 'node:path';
import test from 'ava';
import { loadUserAuthority } from '../../../cli/certificates/authority.js';
import { readRotation } from '../../../cli/certificates/root-rotation.js';
import { MachineStore } from '../../../cli/inventory/machine-store.js';
import { newRecords } from '../../../cli/machine/new-record.js';
import { rotateRoot } from '../../../cli/machine/rotate-root.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';
import { createFlags } from '../../helpers/program/create-flags.js';

test('an interrupt ends the replacement at its pass, even with force', async (t) => {
  const store = new MachineStore(await temporaryFolder(t));
  const ssh = createServer(() => {
    process.emit('SIGINT');
  }).listen(0, '127.0.0.1');
  t.teardown(() => {
    ssh.close();
  });
  await once(ssh, 'listening');
  const { port } = ssh.address() as AddressInfo;
  const flags = { ...createFlags, genericIpAddress: ['127.0.0.1'], genericSshPort: port };
  const [record] = newRecords(['web'], flags, undefined);
  if (record === undefined) throw new Error('no record');
  await store.reserve('web');
  const SSHKeyPath = 'id_ecdsa';
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  await writeFile(join(store.home, SSHKeyPath), privateKey.export({ type: 'sec1', format: 'pem' }));
  await store.save({ ...record, Driver: { ...record.Driver, SSHKeyPath } });
  const { cert } = await loadUserAuthority(store, new Date());
  const said: string[] = [];
  const options = { storagePath: store.home, progress: 'quiet', force: true } as const;
  await t.throwsAsync(rotateRoot({ ...options, say: (line) => said.push(line) }), {
    message: /^interrupted/u,
  });
  t.is((await readRotation(store))?.pass, 'trust');
  t.is((await loadUserAuthority(store, new Date())).cert, cert);
  t.deepEqual(said, ['machines trust the next root CA beside the old one (1 of 3)']);
});
