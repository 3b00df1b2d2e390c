import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { open as openLmdb } from 'lmdb';
import { isAppError } from '../../../../manager/base/errors.js';
import { openEmbedded } from '../../../../manager/store/embedded/embedded.js';

async function folderFor(t: ExecutionContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-store-'));
  t.teardown(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

async function filled(t: ExecutionContext): Promise<string> {
  const folder = await folderFor(t);
  const backend = await openEmbedded(folder);
  await backend.commit(
    Array.from({ length: 500 }, (_, n) => ({
      table: 'services',
      id: `s${n}`,
      value: { id: `s${n}`, filler: 'x'.repeat(500) },
    })),
  );
  await backend.close();
  return folder;
}

const writer = fileURLToPath(new URL('../../../helpers/store-writer-main.js', import.meta.url));

/** Lets a child write until it has acknowledged a few more numbers, then kills it. Returns the last one. */
async function writeAndKill(folder: string, first: number): Promise<number> {
  const child = spawn(process.execPath, [writer, folder, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let last = first - 1;
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => {
    text += chunk.toString();
    const lines = text.split('\n');
    text = lines.pop() ?? '';
    last = Number(lines.at(-1) ?? last);
    if (last >= first + 20) child.kill('SIGKILL');
  });
  await once(child, 'close');
  return last;
}

test('every acknowledged write survives kill -9, and no batch is there by half', async (t) => {
  const folder = await folderFor(t);
  let acknowledged = -1;
  for (let round = 0; round < 3; round += 1) {
    acknowledged = await writeAndKill(folder, acknowledged + 1);
    const backend = await openEmbedded(folder);
    const ids = new Set(
      (await backend.load()).map(({ value }) => (value as { readonly id: string }).id),
    );
    await backend.close();
    for (let n = 0; n <= acknowledged; n += 1) {
      t.true(ids.has(`s${n}`) && ids.has(`n${n}`), `write ${n} of ${acknowledged} is missing`);
    }
    const services = [...ids].filter((id) => id.startsWith('s')).length;
    t.is([...ids].filter((id) => id.startsWith('n')).length, services);
    // The one in flight may have reached the disk without having been acknowledged.
    acknowledged = services - 1;
  }
});

async function failure(folder: string): Promise<Error> {
  try {
    const backend = await openEmbedded(folder);
    try {
      await backend.load();
    } finally {
      await backend.close();
    }
  } catch (error) {
    return error as Error;
  }
  throw new Error('the damage was not found');
}

test('a truncated file is a clear error, not the end of the process', async (t) => {
  const folder = await filled(t);
  const path = join(folder, 'store.mdb');
  const { size } = await stat(path);
  await truncate(path, size - Math.floor(size / 4096 / 2) * 4096);
  const error = await failure(folder);
  t.true(isAppError(error) && error.kind === 'internal');
  t.regex(error.message, /store .*store\.mdb cannot be read: .*restore a copy, or move it away/);
  t.is((await stat(path)).size, size - Math.floor(size / 4096 / 2) * 4096, 'left as it was');
});

test('a file that is no store is refused and left as it is', async (t) => {
  const folder = await folderFor(t);
  const path = join(folder, 'store.mdb');
  await writeFile(path, 'not a store at all\n'.repeat(1_000));
  const before = await readFile(path);
  t.regex((await failure(folder)).message, /is not a store, or its beginning is damaged/);
  t.deepEqual(await readFile(path), before);
});

test('a damaged record is named', async (t) => {
  const folder = await filled(t);
  const path = join(folder, 'store.mdb');
  const text = await readFile(path);
  const file = await open(path, 'r+');
  // Pages that are no longer in use hold old copies: every one of them is hit.
  for (let at = text.indexOf('xxxxx'); at !== -1; at = text.indexOf('xxxxx', at + 4_096)) {
    await file.write('y', at + 2);
  }
  await file.close();
  t.regex((await failure(folder)).message, /record services\/s\d+ is damaged/);
});

test('a store of a newer format is refused', async (t) => {
  const folder = await filled(t);
  const db = openLmdb<string, string>({ path: join(folder, 'store.mdb'), encoding: 'string' });
  await db.put('meta/format', '2');
  await db.close();
  const error = await failure(folder);
  t.true(isAppError(error) && error.kind === 'unsupported');
  t.regex(error.message, /has format 2, this version knows 1: run the newer version/);
});
