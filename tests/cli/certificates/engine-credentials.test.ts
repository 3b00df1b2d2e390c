import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import type { ExecutionContext } from 'ava';
import { loadUserAuthority } from '../../../cli/certificates/authority.js';
import {
  loadEngineAuthority,
  replaceEngineAuthority,
} from '../../../cli/certificates/engine-authority.js';
import { engineCredentials } from '../../../cli/certificates/engine-credentials.js';
import type { MachineRecord } from '../../../cli/inventory/machine-record.js';
import { MachineStore } from '../../../cli/inventory/machine-store.js';
import { newRecords } from '../../../cli/machine/new-record.js';
import { createFlags } from '../../helpers/program/create-flags.js';
import { withEngineAnchor } from '../../../cli/machine/engine-anchor.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

const now = new Date('2026-01-01T00:00:00Z');

async function aMachine(
  t: ExecutionContext,
): Promise<{ readonly store: MachineStore; readonly record: MachineRecord }> {
  const store = new MachineStore(await temporaryFolder(t));
  const flags = { ...createFlags, genericIpAddress: ['192.0.2.1'] };
  const [record] = newRecords(['web'], flags, undefined);
  if (record === undefined) throw new Error('no record');
  await store.reserve('web');
  return { store, record };
}

test("an engine of an earlier version is called with the owner's certificate", async (t) => {
  const { store, record } = await aMachine(t);
  await t.throwsAsync(engineCredentials(store, record, now), { message: /no certificates in/u });
  await loadUserAuthority(store, now);
  const { cert, folder } = await engineCredentials(store, record, now);
  t.is(cert, await readFile(join(store.certsFolder, 'cert.pem'), 'utf8'));
  t.is(cert, await readFile(join(folder, 'cert.pem'), 'utf8'));
});

test("the links in a machine's folder lead to the certificate for its engine", async (t) => {
  const { store, record } = await aMachine(t);
  const { cert: ca } = await loadUserAuthority(store, now);
  const trusting = withEngineAnchor(record, await loadEngineAuthority(store, '', now));
  const access = await engineCredentials(store, trusting, now);
  t.is(access.ca, ca);
  const read = (file: string): Promise<string> => readFile(join(access.folder, file), 'utf8');
  t.deepEqual(
    [await read('ca.pem'), await read('cert.pem'), await read('key.pem')],
    [access.ca, access.cert, access.key],
  );
  t.not(access.cert, await readFile(join(store.certsFolder, 'cert.pem'), 'utf8'));
});

test('an engine that missed the replacement of its CA is named with the remedy', async (t) => {
  const { store, record } = await aMachine(t);
  await loadUserAuthority(store, now);
  const trusting = withEngineAnchor(record, await loadEngineAuthority(store, '', now));
  await replaceEngineAuthority(store, '', now);
  await t.throwsAsync(engineCredentials(store, trusting, now), {
    message: /machine "web": its engine trusts a CA .* run "shoal machine provision web"/u,
  });
});
