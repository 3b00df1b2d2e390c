import { cp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { isAppError, isConflict, isUnavailable } from '../../../../manager/common/base/errors.js';
import type { StoreBackend } from '../../../../manager/store/backend.js';
import { openEmbedded, readEmbedded } from '../../../../manager/store/embedded/embedded.js';
import { temporaryFolder } from '../../../helpers/pki/pki-folder.js';
import {
  filledStore,
  putNumbered,
  storeContents,
  writeLog,
} from '../../../helpers/stores/embedded-folder.js';
import { until } from '../../../helpers/until.js';

async function failure(folder: string): Promise<Error> {
  try {
    await (await openEmbedded(folder)).close();
  } catch (error) {
    return error as Error;
  }
  throw new Error('the damage was not found');
}

test('a truncated file is rejected except for the tail of the last log', async (t) => {
  const folder = await filledStore(t);
  const copy = join(folder, '..', `${folder.split('/').at(-1) ?? ''}-copy`);
  t.teardown(() => rm(copy, { recursive: true, force: true }));
  for (const name of await readdir(folder)) {
    const { size } = await stat(join(folder, name));
    // A crash may truncate the last log, but no earlier file.
    const least = name === 'log-00000003' ? 0 : 1;
    for (const left of [least, 10, 40, Math.floor(size / 2), size - 20, size - 1]) {
      await rm(copy, { recursive: true, force: true });
      await cp(folder, copy, { recursive: true });
      await truncate(join(copy, name), left);
      if (name === 'log-00000003' && left > 40) {
        const whole = new Set((await storeContents(folder)).split('\n'));
        const seen = (await storeContents(copy)).split('\n');
        const strange = seen.filter((line) => !whole.has(line));
        t.true(strange.length <= 1, 'only the removal in the last batch may be lost');
        continue;
      }
      const error = await failure(copy);
      t.true(isAppError(error) && error.kind === 'internal', `${name} cut to ${left}`);
      t.regex(error.message, /cannot be read: .*restore a backup with "shoal store import/);
      t.is((await stat(join(copy, name))).size, left, 'file is unchanged');
    }
  }
});

test('a missing log and a log of another store are detected', async (t) => {
  const folder = await filledStore(t);
  const other = await filledStore(t);
  await rm(join(folder, 'log-00000002'));
  t.regex((await failure(folder)).message, /preceding log log-00000002 is missing/);
  await cp(join(other, 'log-00000002'), join(folder, 'log-00000002'));
  // Logs of a store with the same contents have the same checksums and are accepted.
  await writeFile(join(folder, 'log-00000003'), await readFile(join(other, 'log-00000003')));
  t.is(await storeContents(folder), await storeContents(other));
  const third = await temporaryFolder(t);
  await writeLog(third, 7);
  await writeLog(third, 70);
  await cp(join(third, 'log-00000002'), join(folder, 'log-00000002'));
  t.regex((await failure(folder)).message, /does not continue the preceding file/);
});

test('a newer format, the early LMDB format and foreign files are rejected', async (t) => {
  const folder = await filledStore(t);
  const path = join(folder, 'log-00000003');
  const bytes = await readFile(path);
  await writeFile(path, bytes.toString('latin1').replace('format 2', 'format 3'), 'latin1');
  const newer = await failure(folder);
  t.true(isAppError(newer) && newer.kind === 'unsupported');
  t.regex(
    newer.message,
    /store format 3 is not supported, expected 2; run the version that wrote it/,
  );
  await writeFile(path, 'not a store at all\n'.repeat(1_000));
  t.regex((await failure(folder)).message, /not a shoal store file/);
  const early = await temporaryFolder(t);
  await writeFile(join(early, 'store.mdb'), '');
  t.regex((await failure(early)).message, /written by an earlier version/);
});

test('an object of an unknown table is refused', async (t) => {
  const folder = await temporaryFolder(t);
  const backend = await openEmbedded(folder);
  await backend.commit([{ table: 'routes' as 'nodes', id: 'r1', value: { id: 'r1' } }]);
  await backend.close();
  t.regex(
    (await failure(folder)).message,
    /routes\/r1 belongs to no table of this version; restore/u,
  );
});

test('a second open of the same store throws conflict', async (t) => {
  const folder = await temporaryFolder(t);
  const backend = await openEmbedded(folder);
  const error = await t.throwsAsync(openEmbedded(folder));
  t.true(isConflict(error));
  t.regex(error.message, new RegExp(`in use by process ${process.pid}`));
  await backend.close();
  await (await openEmbedded(folder)).close();
});

test('snapshots replace logs during writes without data loss', async (t) => {
  const folder = await temporaryFolder(t);
  const backend = await openEmbedded(folder, { compactAboveBytes: 50_000 });
  let round = 0;
  const write = async (): Promise<void> => {
    round += 1;
    await backend.commit(
      Array.from({ length: 20 }, (_, n) => putNumbered(n, `${round} `.repeat(100))),
    );
  };
  const names = async (): Promise<readonly string[]> => (await readdir(folder)).sort();
  await until('a later snapshot and one log to be all there is', 30_000, async () => {
    await write();
    const [log, snapshot, ...more] = (await names()).filter((name) => name !== 'lock');
    const later = snapshot !== undefined && snapshot > 'snapshot-00000001';
    return log?.startsWith('log-') === true && later && more.length === 0;
  });
  const last = round;
  await backend.close();
  const bytes = (await Promise.all((await names()).map((name) => stat(join(folder, name)))))
    .map(({ size }) => size)
    .reduce((sum, size) => sum + size, 0);
  t.true(bytes < last * 20 * 200, 'snapshots must reclaim space');
  const records = await readEmbedded(folder);
  t.is(records.length, 20);
  for (const { value } of records) {
    t.is((value as { readonly filler: string }).filler, `${last} `.repeat(100));
  }
});

test('a batch larger than one frame is atomic', async (t) => {
  const folder = await temporaryFolder(t);
  const backend: StoreBackend = await openEmbedded(folder);
  await backend.commit(Array.from({ length: 12 }, (_, n) => putNumbered(n, 'y'.repeat(500_000))));
  await backend.close();
  t.is((await readEmbedded(folder)).length, 12);
  const path = join(folder, 'log-00000001');
  await truncate(path, (await stat(path)).size - 1_000_000);
  t.deepEqual(await readEmbedded(folder), [], 'a batch without its last frame is ignored');
});

async function namesIn(folder: string): Promise<readonly string[]> {
  return (await readdir(folder)).filter((name) => name !== 'lock').sort();
}

async function sizeOf(folder: string): Promise<number> {
  const names = await namesIn(folder);
  const stats = await Promise.all(names.map((name) => stat(join(folder, name))));
  return stats.reduce((sum, { size }) => sum + size, 0);
}

test('a store that is only read, or written with nothing, has no log of its own', async (t) => {
  const folder = join(await temporaryFolder(t), 'deep', 'store');
  const backend = await openEmbedded(folder);
  t.is((await stat(folder)).mode & 0o777, 0o700);
  t.deepEqual(await backend.load(), []);
  await backend.commit([]);
  t.is(backend.bytes?.(), 0);
  await backend.close();
  t.deepEqual(await readdir(folder), []);
});

test('every process writes a log of its own, and the size is that of all files', async (t) => {
  const folder = await filledStore(t);
  const backend = await openEmbedded(folder);
  t.is(backend.bytes?.(), await sizeOf(folder));
  await backend.commit([putNumbered(1)]);
  await backend.commit([putNumbered(2)]);
  t.is(backend.bytes?.(), await sizeOf(folder));
  const [before, names] = [await storeContents(folder), await namesIn(folder)];
  t.deepEqual(names, [...['log-00000002', 'log-00000003', 'log-00000004', 'snapshot-00000001']]);
  await backend.close();
  t.is(await storeContents(folder), before);
});

test('a load after a commit reads the files again', async (t) => {
  const folder = await filledStore(t);
  const backend = await openEmbedded(folder);
  const first = await backend.load();
  t.is((await backend.load()).length, first.length);
  const committed = backend.commit([putNumbered(900)]);
  t.is((await backend.load()).length, first.length + 1);
  await committed;
  await backend.close();
  const other = await openEmbedded(folder);
  await other.commit([putNumbered(901)]);
  t.is((await other.load()).length, first.length + 2);
  await other.close();
});

test('the first write removes the files that a snapshot has replaced', async (t) => {
  const folder = await filledStore(t);
  await writeFile(join(folder, 'log-00000001'), 'replaced');
  await writeFile(join(folder, 'snapshot-00000009.new'), 'never finished');
  const backend = await openEmbedded(folder);
  await backend.load();
  t.is((await namesIn(folder)).length, 5);
  await backend.commit([putNumbered(1)]);
  t.deepEqual(await namesIn(folder), [
    ...['log-00000002', 'log-00000003', 'log-00000004', 'snapshot-00000001'],
  ]);
  await backend.close();
});

test('a log without its end is ended by the first write after it, and its tail is dropped', async (t) => {
  const [folder, copy] = [await temporaryFolder(t), await temporaryFolder(t)];
  const crashed = await openEmbedded(folder);
  await crashed.commit([putNumbered(1)]);
  await crashed.commit([putNumbered(2)]);
  await cp(join(folder, 'log-00000001'), join(copy, 'log-00000001'));
  await crashed.close();
  const path = join(copy, 'log-00000001');
  await truncate(path, (await stat(path)).size - 1);
  const next = await openEmbedded(copy);
  await next.commit([putNumbered(3)]);
  const third = await openEmbedded(await copyOf(copy, await temporaryFolder(t)));
  t.deepEqual(
    (await third.load()).map(({ value }) => (value as { readonly id: string }).id),
    ['s1', 's3'],
  );
  await third.commit([putNumbered(4)]);
  await third.close();
  await next.commit([putNumbered(5)]);
  await next.close();
  t.is((await readEmbedded(copy)).length, 3);
});

/** Copies the logs of a store, as a crash of its process leaves them. */
async function copyOf(folder: string, to: string): Promise<string> {
  for (const name of await namesIn(folder)) await cp(join(folder, name), join(to, name));
  return to;
}

test('a store whose folder is gone cannot be written, and says so', async (t) => {
  const folder = join(await temporaryFolder(t), 'store');
  const backend = await openEmbedded(folder);
  await rm(folder, { recursive: true });
  const error = await t.throwsAsync(backend.commit([putNumbered(1)]));
  t.true(isUnavailable(error));
  t.regex(error.message, /^store .*\/store cannot be written: ENOENT/u);
  t.true(isUnavailable(await t.throwsAsync(backend.commit([putNumbered(1)]))));
  await t.notThrowsAsync(backend.close());
});

test('a new snapshot is written only when the logs are twice as large as the last one', async (t) => {
  const folder = await temporaryFolder(t);
  const backend = await openEmbedded(folder, { compactAboveBytes: 1_000 });
  const large = 'y'.repeat(10_000);
  await backend.commit([putNumbered(1, large)]);
  await until('the first snapshot', 10_000, async () =>
    (await namesIn(folder)).includes('snapshot-00000001'),
  );
  await until('the log to be alone', 10_000, async () => (await namesIn(folder)).length === 2);
  await until('the size without the first log', 10_000, async () => {
    return backend.bytes?.() === (await sizeOf(folder));
  });
  await backend.commit([putNumbered(2, 'z'.repeat(9_000))]);
  await backend.commit([putNumbered(2, 'z'.repeat(9_000))]);
  t.deepEqual(await namesIn(folder), ['log-00000002', 'snapshot-00000001']);
  await backend.commit([putNumbered(2, 'z'.repeat(9_000))]);
  await until('the second snapshot', 10_000, async () =>
    (await namesIn(folder)).includes('snapshot-00000002'),
  );
  await backend.close();
  t.is((await readEmbedded(folder)).length, 2);
});
