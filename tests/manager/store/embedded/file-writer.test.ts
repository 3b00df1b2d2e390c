import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import test from 'ava';
import { StoreFileWriter } from '../../../../manager/store/embedded/file-writer.js';
import { listFiles, scanFiles } from '../../../../manager/store/embedded/files.js';
import { temporaryFolder } from '../../../helpers/pki/pki-folder.js';

const header = { kind: 'log', number: 1, after: 0 } as const;

async function keysIn(folder: string): Promise<readonly string[]> {
  const keys: string[] = [];
  await scanFiles(await listFiles(folder), (key) => keys.push(key));
  return keys;
}

test('a file has its name only after it was published, and only its owner reads it', async (t) => {
  const folder = await temporaryFolder(t);
  const writer = await StoreFileWriter.create(folder, header);
  t.is(writer.path, join(folder, 'log-00000001'));
  t.deepEqual(await readdir(folder), ['log-00000001.new']);
  await writer.append(['"a"\n']);
  await writer.publish();
  await writer.append(['"b"\n']);
  t.deepEqual(await readdir(folder), ['log-00000001']);
  t.is((await stat(writer.path)).mode & 0o777, 0o600);
  t.is(writer.bytes, (await stat(writer.path)).size);
  t.deepEqual(await keysIn(folder), ['"a"', '"b"']);
  await writer.close();
});

test('a rollback leaves the file and the next append as if nothing had been appended', async (t) => {
  const folder = await temporaryFolder(t);
  const writer = await StoreFileWriter.create(folder, header);
  await writer.publish();
  await writer.append(['"a"\n']);
  const before = await readFile(writer.path);
  const [{ bytes, chain }, undo] = [writer, writer.mark()];
  await writer.append(['"b"\n']);
  await writer.append(['"c"\n']);
  t.not(writer.chain, chain);
  await undo();
  t.deepEqual(await readFile(writer.path), before);
  t.deepEqual([writer.bytes, writer.chain], [bytes, chain]);
  await writer.append(['"d"\n']);
  t.deepEqual(await keysIn(folder), ['"a"', '"d"']);
  await writer.close();
});

test('a resumed file continues after its last valid frame and loses the rest', async (t) => {
  const folder = await temporaryFolder(t);
  const writer = await StoreFileWriter.create(folder, header);
  await writer.publish();
  await writer.append(['"a"\n']);
  const [at, chain] = [writer.bytes, writer.chain];
  await writer.append(['"b"\n'.repeat(100)]);
  await writer.close();
  const resumed = await StoreFileWriter.resume(writer.path, at, chain);
  t.is((await stat(writer.path)).size, at);
  t.deepEqual([resumed.bytes, resumed.chain], [at, chain]);
  await resumed.append(['"c"\n']);
  await resumed.end();
  await resumed.sync();
  await resumed.close();
  t.deepEqual(await keysIn(folder), ['"a"', '"c"']);
});

test('a large batch is split between lines into frames of at most two mebibytes', async (t) => {
  const folder = await temporaryFolder(t);
  const line = `"${'x'.repeat(1_000_000)}"\n`;
  const writer = await StoreFileWriter.create(folder, header);
  await writer.publish();
  const sizes: number[] = [];
  for (const count of [1, 2, 3]) {
    const before = writer.bytes;
    await writer.append(Array.from({ length: count }, () => line));
    sizes.push(writer.bytes - before - count * line.length);
  }
  // Each frame has 13 bytes besides its text.
  t.deepEqual(sizes, [13, 13, 26]);
  const exact = 2 * 1_024 * 1_024;
  const before = writer.bytes;
  await writer.append(['a\n', `${'y'.repeat(exact - 3)}\n`]);
  t.is(writer.bytes - before, 13 + exact);
  await writer.append([`${'z'.repeat(exact)}\n`, 'a\n']);
  t.is(writer.bytes - before, 13 + exact + 26 + exact + 3);
  t.is((await keysIn(folder)).length, 10);
  await writer.close();
});
