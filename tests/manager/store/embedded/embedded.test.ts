import { execFile } from 'node:child_process';
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { isAppError, isConflict } from '../../../../manager/common/base/errors.js';
import { seededRandom } from '../../../../manager/common/base/random.js';
import type { StoreBackend, DurableWrite } from '../../../../manager/store/backend.js';
import { compactLogs } from '../../../../manager/store/embedded/compact.js';
import { openEmbedded, readEmbedded } from '../../../../manager/store/embedded/embedded.js';
import { killWriter } from '../../../helpers/stores/kill-writer.js';
import { until } from '../../../helpers/until.js';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

const put = (n: number, filler = 'x'.repeat(200)): DurableWrite => ({
  table: 'services',
  id: `s${n}`,
  value: { id: `s${n}`, filler },
});

async function writeSome(folder: string, from: number): Promise<void> {
  const backend = await openEmbedded(folder);
  for (let n = from; n < from + 40; n += 4) {
    await backend.commit([put(n), put(n + 1), put(n + 2), put(n + 3)]);
  }
  await backend.commit([{ table: 'services', id: `s${from}`, value: undefined }]);
  await backend.close();
}

/** Creates a store with a snapshot and two properly closed logs. */
async function filled(t: ExecutionContext): Promise<string> {
  const folder = await folderFor(t);
  await writeSome(folder, 0);
  await compactLogs(folder, 1);
  await writeSome(folder, 100);
  await writeSome(folder, 200);
  return folder;
}

async function contents(folder: string): Promise<string> {
  const records = await readEmbedded(folder);
  return records
    .map((record) => JSON.stringify(record))
    .sort()
    .join('\n');
}

async function failure(folder: string): Promise<Error> {
  try {
    await (await openEmbedded(folder)).close();
  } catch (error) {
    return error as Error;
  }
  throw new Error('the damage was not found');
}

test('acknowledged writes survive kill -9 and batches are atomic', async (t) => {
  t.timeout(120_000);
  const lives = Array.from({ length: 4 }, async (_, life) => {
    const folder = await folderFor(t);
    let next = 0;
    for (let kill = 0; kill < 5; kill += 1) {
      const killed = await killWriter(folder, next, 5 + 40 * kill + life);
      t.deepEqual(killed.faults, [], `life ${life}, kill ${kill}`);
      ({ next } = killed);
    }
  });
  await Promise.all(lives);
});

test('every flipped bit is detected', async (t) => {
  t.timeout(60_000);
  const folder = await filled(t);
  const sound = await contents(folder);
  const random = seededRandom(7);
  const files = (await readdir(folder)).sort();
  t.deepEqual(files, ['log-00000002', 'log-00000003', 'snapshot-00000001']);
  let refused = 0;
  for (let turn = 0; turn < 300; turn += 1) {
    const path = join(folder, files[turn % files.length] ?? '');
    const bytes = await readFile(path);
    const at = Math.floor(random() * bytes.length);
    const damaged = Buffer.from(bytes);
    damaged.writeUInt8((damaged[at] ?? 0) ^ (1 << Math.floor(random() * 8)), at);
    await writeFile(path, damaged);
    const seen = await contents(folder).catch((error: unknown) => {
      t.true(isAppError(error), `byte ${at} of ${path}`);
      refused += 1;
      return sound;
    });
    t.is(seen, sound, `byte ${at} of ${path}`);
    await writeFile(path, bytes);
  }
  t.is(refused, 300, 'a flipped bit in a closed store was not detected');
});

test('a truncated file is rejected except for the tail of the last log', async (t) => {
  const folder = await filled(t);
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
        const whole = new Set((await contents(folder)).split('\n'));
        const seen = (await contents(copy)).split('\n');
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
  const folder = await filled(t);
  const other = await filled(t);
  await rm(join(folder, 'log-00000002'));
  t.regex((await failure(folder)).message, /preceding log log-00000002 is missing/);
  await cp(join(other, 'log-00000002'), join(folder, 'log-00000002'));
  // Logs of a store with the same contents have the same checksums and are accepted.
  await writeFile(join(folder, 'log-00000003'), await readFile(join(other, 'log-00000003')));
  t.is(await contents(folder), await contents(other));
  const third = await folderFor(t);
  await writeSome(third, 7);
  await writeSome(third, 70);
  await cp(join(third, 'log-00000002'), join(folder, 'log-00000002'));
  t.regex((await failure(folder)).message, /does not continue the preceding file/);
});

test('a newer format, the early LMDB format and foreign files are rejected', async (t) => {
  const folder = await filled(t);
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
  const early = await folderFor(t);
  await writeFile(join(early, 'store.mdb'), '');
  t.regex((await failure(early)).message, /written by an earlier version/);
});

test('an object of an unknown table is refused', async (t) => {
  const folder = await folderFor(t);
  const backend = await openEmbedded(folder);
  await backend.commit([{ table: 'routes' as 'nodes', id: 'r1', value: { id: 'r1' } }]);
  await backend.close();
  t.regex(
    (await failure(folder)).message,
    /routes\/r1 belongs to no table of this version; restore/u,
  );
});

test('a second open of the same store throws conflict', async (t) => {
  const folder = await folderFor(t);
  const backend = await openEmbedded(folder);
  const error = await t.throwsAsync(openEmbedded(folder));
  t.true(isConflict(error));
  t.regex(error.message, new RegExp(`in use by process ${process.pid}`));
  await backend.close();
  await (await openEmbedded(folder)).close();
});

test('snapshots replace logs during writes without data loss', async (t) => {
  const folder = await folderFor(t);
  const backend = await openEmbedded(folder, { compactAboveBytes: 50_000 });
  let round = 0;
  const write = async (): Promise<void> => {
    round += 1;
    await backend.commit(Array.from({ length: 20 }, (_, n) => put(n, `${round} `.repeat(100))));
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

/** Requires root, to mount a small file system in a mount namespace of its own. */
const rootTest = process.getuid?.() === 0 ? test : test.skip;

rootTest(
  'a full disk rejects writes without data loss and writes resume when space is freed',
  async (t) => {
    const folder = await folderFor(t);
    const program = fileURLToPath(
      new URL('../../../helpers/stores/full-disk-main.js', import.meta.url),
    );
    const script = 'mount -t tmpfs -o size=1m none "$1" && exec "$2" "$3" "$1"';
    const argv = ['-m', 'sh', '-c', script, 'sh', folder, process.execPath, program];
    const { stdout } = await promisify(execFile)('unshare', argv, { timeout: 60_000 });
    const said = JSON.parse(stdout) as Record<string, unknown>;
    t.regex(String(said.refusal), /cannot be written: no space left on device; free some space/);
    t.is(said.kind, 'unavailable');
    t.deepEqual(said.lost, []);
    t.true(said.refusedAgain);
    t.true(said.wentOn);
  },
);

test('a batch larger than one frame is atomic', async (t) => {
  const folder = await folderFor(t);
  const backend: StoreBackend = await openEmbedded(folder);
  await backend.commit(Array.from({ length: 12 }, (_, n) => put(n, 'y'.repeat(500_000))));
  await backend.close();
  t.is((await readEmbedded(folder)).length, 12);
  const path = join(folder, 'log-00000001');
  await truncate(path, (await stat(path)).size - 1_000_000);
  t.deepEqual(await readEmbedded(folder), [], 'a batch without its last frame is ignored');
});
