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

test('a saved value is loaded again, readable by its owner only, without leftover files', async (t) => {
  const path = join(await folder(t), 'deep', 'set.json');
  await new DurableFile(path, silentLogger).save({ secret: 'x' });
  t.deepEqual(await new DurableFile(path, silentLogger).load(), { secret: 'x' });
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.deepEqual(await readdir(join(path, '..')), ['set.json']);
});

test('the last of concurrent saves wins, and each resolves once it is durable', async (t) => {
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

test('a missing or corrupt file loads as undefined', async (t) => {
  const path = join(await folder(t), 'set.json');
  const file = new DurableFile(path, silentLogger);
  t.is(await file.load(), undefined);
  await writeFile(path, '{"half":');
  t.is(await file.load(), undefined);
});

test('a write error names the file', async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, 'file'), '');
  const file = new DurableFile(join(dir, 'file', 'set.json'), silentLogger);
  await t.throwsAsync(file.save(1), { message: /cannot write .*set\.json/ });
});
