import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { anything, array, number, string } from '../../../manager/common/base/decode.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { DurableFile } from '../../../worker/assignments/durable-file.js';

async function folder(t: ExecutionContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'shoal-durable-'));
  t.teardown(() => rm(path, { recursive: true }));
  return path;
}

test('a saved value is loaded again, readable by its owner only, without leftover files', async (t) => {
  const path = join(await folder(t), 'deep', 'set.json');
  await new DurableFile(path, anything, silentLogger).save({ secret: 'x' });
  t.deepEqual(await new DurableFile(path, anything, silentLogger).load(), { secret: 'x' });
  t.is((await stat(path)).mode & 0o777, 0o600);
  t.deepEqual(await readdir(join(path, '..')), ['set.json']);
});

test('the last of concurrent saves wins, and each resolves once it is durable', async (t) => {
  const path = join(await folder(t), 'set.json');
  const file = new DurableFile(path, number, silentLogger);
  const saves = Array.from({ length: 30 }, async (_, index) => {
    await file.save(index);
    const found = await new DurableFile(path, number, silentLogger).load();
    t.true((found ?? -1) >= index);
  });
  await Promise.all(saves);
  t.is(await file.load(), 29);
});

test('a missing or corrupt file loads as undefined', async (t) => {
  const path = join(await folder(t), 'set.json');
  const file = new DurableFile(path, anything, silentLogger);
  t.is(await file.load(), undefined);
  await writeFile(path, '{"half":');
  t.is(await file.load(), undefined);
});

test('a value of another shape is ignored with an error that names file and field', async (t) => {
  const path = join(await folder(t), 'managers.json');
  await writeFile(path, '["10.0.0.1:7070", 7]');
  const logged: string[] = [];
  const log = jsonLogger(
    'error',
    (line) => logged.push(line),
    () => 0,
  );
  t.is(await new DurableFile(path, array(string), log).load(), undefined);
  t.is(logged.length, 1);
  t.true(logged[0]?.includes(`${path}: [1] must be a string; the file is ignored`));
});

test('a write error names the file', async (t) => {
  const dir = await folder(t);
  await writeFile(join(dir, 'file'), '');
  const file = new DurableFile(join(dir, 'file', 'set.json'), anything, silentLogger);
  await t.throwsAsync(file.save(1), { message: /cannot write .*set\.json/ });
});
