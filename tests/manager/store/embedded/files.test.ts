import { readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import fc from 'fast-check';
import { isAppError } from '../../../../manager/common/base/errors.js';
import { StoreFileWriter } from '../../../../manager/store/embedded/file-writer.js';
import type { FileHeader, ScanResult } from '../../../../manager/store/embedded/files.js';
import { listFiles, scanFiles, storeFileName } from '../../../../manager/store/embedded/files.js';
import { temporaryFolder } from '../../../helpers/pki/pki-folder.js';

interface Written {
  readonly chain: number;
  readonly bytes: number;
}

/** Writes a file with batches of lines; without `ends` it has no end frame. */
async function write(
  folder: string,
  header: FileHeader,
  batches: readonly (readonly string[])[],
  ends = true,
): Promise<Written> {
  const writer = await StoreFileWriter.create(folder, header);
  for (const lines of batches) await writer.append(lines);
  if (ends) await writer.end();
  await writer.publish();
  await writer.close();
  return { chain: writer.chain, bytes: writer.bytes };
}

type Line = readonly [key: string, value: string | undefined];

async function scan(folder: string): Promise<{ lines: readonly Line[]; found: ScanResult }> {
  const lines: Line[] = [];
  const found = await scanFiles(await listFiles(folder), (key, value) => lines.push([key, value]));
  return { lines, found };
}

async function refusal(folder: string): Promise<string> {
  try {
    await scan(folder);
  } catch (error) {
    if (isAppError(error)) return `${error.kind}: ${error.message.replaceAll(`${folder}/`, '')}`;
    throw error;
  }
  return '';
}

const log = (number: number, after = 0): FileHeader => ({ kind: 'log', number, after });

/** A snapshot of log 2 and the logs 3 and 4. */
async function filled(t: ExecutionContext): Promise<string> {
  const folder = await temporaryFolder(t);
  const snapshot = { kind: 'snapshot', number: 2, after: 77 } as const;
  await write(folder, snapshot, [['"a"\t1\n', '"b"\t2\n']]);
  const third = await write(folder, log(3, 77), [['"a"\n']]);
  await write(folder, log(4, third.chain), [['"c"\t3\n'], ['"d"\t4\n', '"e"\n']]);
  return folder;
}

test('names of files have the number with eight digits', (t) => {
  t.is(storeFileName('log', 7), 'log-00000007');
  t.is(storeFileName('snapshot', 12_345_678), 'snapshot-12345678');
});

test('a store has its newest snapshot and the logs after it; the rest is left over', async (t) => {
  const folder = await temporaryFolder(t);
  const names = [
    ...['log-00000001', 'log-00000002', 'log-00000003', 'log-00000004'],
    ...['snapshot-00000001', 'snapshot-00000002', 'snapshot-00000004.new', 'log-00000005.new'],
    ...['lock', 'log-1', 'log-00000009.old', 'xlog-00000009', 'store.mdb'],
  ];
  for (const name of names) await writeFile(join(folder, name), '');
  const { snapshot, logs, leftovers } = await listFiles(folder);
  const pathOf = (name: string): string => join(folder, name);
  t.deepEqual(snapshot, { path: pathOf('snapshot-00000002'), kind: 'snapshot', number: 2 });
  t.deepEqual(logs, [
    { path: pathOf('log-00000003'), kind: 'log', number: 3 },
    { path: pathOf('log-00000004'), kind: 'log', number: 4 },
  ]);
  t.deepEqual([...leftovers].sort(), [
    ...['log-00000001', 'log-00000002', 'log-00000005.new'].map(pathOf),
    ...['snapshot-00000001', 'snapshot-00000004.new'].map(pathOf),
  ]);
});

test('an empty folder is an empty store, one with the early format is unsupported', async (t) => {
  const folder = await temporaryFolder(t);
  t.deepEqual(await listFiles(folder), { snapshot: undefined, logs: [], leftovers: [] });
  await writeFile(join(folder, 'store.mdb'), '');
  t.regex(await refusal(folder), /^unsupported: store\.mdb: written by an earlier version/u);
});

test('snapshot and logs are read in order, removals included', async (t) => {
  const folder = await filled(t);
  const { lines, found } = await scan(folder);
  t.deepEqual(lines, [
    ['"a"', '1'],
    ['"b"', '2'],
    ['"a"', undefined],
    ['"c"', '3'],
    ['"d"', '4'],
    ['"e"', undefined],
  ]);
  const sizeOf = async (name: string): Promise<number> =>
    (await readFile(join(folder, name))).length;
  t.is(found.number, 4);
  t.is(found.openEnd, undefined);
  t.is(found.snapshotBytes, await sizeOf('snapshot-00000002'));
  t.is(found.logBytes, (await sizeOf('log-00000003')) + (await sizeOf('log-00000004')));
});

test('any keys and values come back from lines, with tabs only between them', async (t) => {
  const folder = await temporaryFolder(t);
  const json = fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text));
  const anyLine: fc.Arbitrary<Line> = fc.tuple(json, fc.option(json, { nil: undefined }));
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyLine), { maxLength: 4 }), async (batches) => {
      const texts = batches.map((batch) =>
        batch.map(([key, value]) => `${key}${value === undefined ? '' : `\t${value}`}\n`),
      );
      await write(folder, log(1), texts);
      t.deepEqual((await scan(folder)).lines, batches.flat());
    }),
    { numRuns: 30 },
  );
});

test('a last log without an end is resumed after its last complete batch', async (t) => {
  const folder = await temporaryFolder(t);
  const whole = await write(folder, log(1), [['"a"\t1\n']], false);
  const path = join(folder, 'log-00000001');
  t.deepEqual((await scan(folder)).found, {
    ...{ number: 1, chain: whole.chain, snapshotBytes: 0, logBytes: whole.bytes },
    openEnd: { path, at: whole.bytes, chain: whole.chain },
  });
  const more = await write(folder, log(1), [['"a"\t1\n'], ['"b"\t2\n']], false);
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, more.bytes - 1));
  const { lines, found } = await scan(folder);
  t.deepEqual(lines, [['"a"', '1']]);
  t.deepEqual(found.openEnd, { path, at: whole.bytes, chain: whole.chain });
});

test('lines of a batch whose last frame is missing are left out', async (t) => {
  const folder = await temporaryFolder(t);
  const line = (name: string): string => `"${name}"\t"${name.repeat(1_500_000)}"\n`;
  const whole = await write(folder, log(1), [['"x"\t1\n'], [line('a'), line('b')]], false);
  t.deepEqual(
    (await scan(folder)).lines.map(([key]) => key),
    ['"x"', '"a"', '"b"'],
  );
  const path = join(folder, 'log-00000001');
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, whole.bytes - 1_000));
  const { lines, found } = await scan(folder);
  t.deepEqual(lines, [['"x"', '1']]);
  t.true((found.openEnd?.at ?? 0) < 1_000);
});

test('a missing log is named', async (t) => {
  const folder = await filled(t);
  await rm(join(folder, 'log-00000003'));
  t.is(await refusal(folder), 'internal: log-00000004: preceding log log-00000003 is missing');
  await rm(join(folder, 'snapshot-00000002'));
  t.is(await refusal(folder), 'internal: log-00000004: preceding log log-00000001 is missing');
});

test('a log that does not follow the one before is refused', async (t) => {
  const folder = await filled(t);
  await write(folder, log(5, 5), []);
  t.is(await refusal(folder), 'internal: log-00000005: does not continue the preceding file');
});

test('a snapshot or an earlier log without its end is truncated', async (t) => {
  const folder = await temporaryFolder(t);
  const first = await write(folder, log(1), [['"a"\t1\n']], false);
  await write(folder, log(2, first.chain), [['"b"\t1\n']]);
  t.is(await refusal(folder), 'internal: log-00000001 is damaged: file is truncated');
  await write(folder, { kind: 'snapshot', number: 2, after: 0 }, [['"a"\t1\n']], false);
  t.is(await refusal(folder), 'internal: snapshot-00000002 is damaged: file is truncated');
});

test('a file whose header is missing or that of another file is damaged', async (t) => {
  const folder = await temporaryFolder(t);
  const message = (name: string): string => `internal: ${name} is damaged: header is missing`;
  const path = join(folder, 'log-00000001');
  await write(folder, log(1), []);
  const bytes = await readFile(path);
  await writeFile(path, bytes.subarray(0, 'shoal store, format 2\n'.length));
  t.is(await refusal(folder), message('log-00000001'));
  await write(folder, log(2), []);
  await rename(join(folder, 'log-00000002'), path);
  t.is(await refusal(folder), message('log-00000001'));
  await rm(path);
  await write(folder, log(3), []);
  await rename(join(folder, 'log-00000003'), join(folder, 'snapshot-00000003'));
  t.is(await refusal(folder), message('snapshot-00000003'));
  t.deepEqual(await readdir(folder), ['snapshot-00000003']);
});

test('a file that begins with something else than a header is damaged', async (t) => {
  const folder = await temporaryFolder(t);
  const writer = await StoreFileWriter.create(folder, log(1));
  await writer.publish();
  await writer.close();
  const resumed = await StoreFileWriter.resume(writer.path, 'shoal store, format 2\n'.length, 0);
  await resumed.append(['"a"\t1\n']);
  await resumed.close();
  t.is(await refusal(folder), 'internal: log-00000001 is damaged: header is missing');
});
