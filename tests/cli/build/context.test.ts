import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { walkContext } from '../../../cli/build/context.js';
import { parseIgnore } from '../../../cli/build/ignore.js';

test('the walk skips ignored paths and finds paths below them that a ! rule includes', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'shoal-context-'));
  t.teardown(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'skip', 'deep'), { recursive: true });
  for (const name of ['a', 'skip/b', 'skip/deep/keep']) await writeFile(join(root, name), name);
  const found: string[] = [];
  for await (const { path } of walkContext(root, parseIgnore('skip\n!skip/deep/keep\n')))
    found.push(path);
  t.deepEqual(found, ['a', 'skip/deep/keep']);
});
