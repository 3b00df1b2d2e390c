import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isCancelled } from '../../../../manager/common/base/errors.js';
import { compactLogs, compactLogsInThread } from '../../../../manager/store/embedded/compact.js';
import { openEmbedded, readEmbedded } from '../../../../manager/store/embedded/embedded.js';
import { temporaryFolder } from '../../../helpers/pki/pki-folder.js';
import {
  filledStore,
  putNumbered,
  storeContents,
} from '../../../helpers/stores/embedded-folder.js';

test('a snapshot has the contents of the files that it replaces, and no removed objects', async (t) => {
  const folder = await filledStore(t);
  const before = await storeContents(folder);
  await compactLogs(folder, 3);
  t.deepEqual(await readdir(folder), ['snapshot-00000003']);
  t.is(await storeContents(folder), before);
  const bytes = await readFile(join(folder, 'snapshot-00000003'));
  t.false(bytes.includes('services/s100"'));
  t.true(bytes.includes('services/s101"'));
});

test('a snapshot of earlier logs leaves the later ones, which still follow it', async (t) => {
  const folder = await filledStore(t);
  const before = await storeContents(folder);
  await writeFile(join(folder, 'log-00000009.new'), 'of the running process');
  await compactLogs(folder, 2);
  t.deepEqual(await readdir(folder), ['log-00000003', 'log-00000009.new', 'snapshot-00000002']);
  t.is(await storeContents(folder), before);
});

test('a store of thousands of objects is written in batches', async (t) => {
  const folder = await temporaryFolder(t);
  const backend = await openEmbedded(folder);
  await backend.commit(Array.from({ length: 2_500 }, (_, n) => putNumbered(n, String(n))));
  await backend.close();
  const before = await storeContents(folder);
  await compactLogs(folder, 1);
  t.is((await readEmbedded(folder)).length, 2_500);
  t.is(await storeContents(folder), before);
});

test('a damaged log leaves no snapshot behind', async (t) => {
  const folder = await filledStore(t);
  const path = join(folder, 'log-00000003');
  const bytes = await readFile(path);
  bytes.writeUInt8(bytes.readUInt8(500) ^ 1, 500);
  await writeFile(path, bytes);
  const names = await readdir(folder);
  await t.throwsAsync(compactLogs(folder, 3), { message: /is damaged at byte/u });
  t.deepEqual(await readdir(folder), names);
});

test('a snapshot that cannot be renamed into place is removed', async (t) => {
  const folder = await filledStore(t);
  // Number 3 is taken by something that a file cannot replace.
  await mkdir(join(folder, 'snapshot-00000003'));
  await t.throwsAsync(compactLogs(folder, 3));
  await rm(join(folder, 'snapshot-00000003'), { recursive: true });
  t.deepEqual(await readdir(folder), ['log-00000002', 'log-00000003', 'snapshot-00000001']);
});

test('a thread writes the snapshot', async (t) => {
  const folder = await filledStore(t);
  const before = await storeContents(folder);
  await compactLogsInThread(folder, 3, new AbortController().signal);
  t.deepEqual(await readdir(folder), ['snapshot-00000003']);
  t.is(await storeContents(folder), before);
});

test('a thread that is told to end, before or after its start, has written nothing', async (t) => {
  const folder = await filledStore(t);
  const names = await readdir(folder);
  const abort = new AbortController();
  const ended = compactLogsInThread(folder, 3, abort.signal);
  abort.abort();
  const message = 'snapshot-00000003: snapshot was cancelled';
  t.true(isCancelled(await t.throwsAsync(ended, { message })));
  await t.throwsAsync(compactLogsInThread(folder, 3, abort.signal), { message });
  t.deepEqual(await readdir(folder), names);
});

test('a thread that fails passes its error on', async (t) => {
  const folder = await filledStore(t);
  await rm(join(folder, 'log-00000002'));
  const ended = compactLogsInThread(folder, 3, new AbortController().signal);
  await t.throwsAsync(ended, { any: true, message: /preceding log log-00000002 is missing$/u });
});
