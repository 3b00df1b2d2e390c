import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { silentLogger } from '../../../manager/common/base/log.js';
import { DurableFile } from '../../../worker/assignments/durable-file.js';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'shoal-durable-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

test('what was saved is loaded, readable by its owner alone, and nothing else lies beside it', async (t) => {
  const path = join(await folder(t), 'deep', 'set.json');
  await new DurableFile(path, silentLogger).save({ secret: 'x' });
  t.deepEqual(await new DurableFile(path, silentLogger).load(), { secret: 'x' });
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.deepEqual(await readdir(join(path, '..')), ['set.json']);
});

test('the last of many saves at once is what stays, and each waits until it is safe', async (t) => {
  const path = join(await folder(t), 'set.json');
  const file = new DurableFile<number>(path, silentLogger);
  const saves = Array.from({ length: 30 }, async (_, index) => {
    await file.save(index);
    const found = await new DurableFile<number>(path, silentLogger).load();
    t.true((found ?? -1) >= index);
  });
  await Promise.all(saves);
  t.is(await file.load(), 29);
});

test('nothing saved is undefined, and so is a file that is damaged', async (t) => {
  const path = join(await folder(t), 'set.json');
  const file = new DurableFile(path, silentLogger);
  t.is(await file.load(), undefined);
  await writeFile(path, '{"half":');
  t.is(await file.load(), undefined);
});

test('a folder that cannot be written is an error that names the file', async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, 'file'), '');
  const file = new DurableFile(join(dir, 'file', 'set.json'), silentLogger);
  await t.throwsAsync(file.save(1), { message: /cannot write .*set\.json/ });
});
