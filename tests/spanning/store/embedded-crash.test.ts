import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { seededRandom } from '../../../manager/common/base/random.js';
import { filledStore, storeContents } from '../../helpers/stores/embedded-folder.js';
import { killWriter } from '../../helpers/stores/kill-writer.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

test('acknowledged writes survive kill -9 and batches are atomic', async (t) => {
  t.timeout(120_000);
  const lives = Array.from({ length: 4 }, async (_, life) => {
    const folder = await temporaryFolder(t);
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
  const folder = await filledStore(t);
  const sound = await storeContents(folder);
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
    const seen = await storeContents(folder).catch((error: unknown) => {
      t.true(isAppError(error), `byte ${at} of ${path}`);
      refused += 1;
      return sound;
    });
    t.is(seen, sound, `byte ${at} of ${path}`);
    await writeFile(path, bytes);
  }
  t.is(refused, 300, 'a flipped bit in a closed store was not detected');
});

/** Requires root, to mount a small file system in a mount namespace of its own. */
const rootTest = process.getuid?.() === 0 ? test : test.skip;

rootTest(
  'a full disk rejects writes without data loss and writes resume when space is freed',
  async (t) => {
    const folder = await temporaryFolder(t);
    const program = fileURLToPath(
      new URL('../../helpers/stores/full-disk-main.js', import.meta.url),
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
