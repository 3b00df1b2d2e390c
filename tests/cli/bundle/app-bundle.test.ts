import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { packApp } from '../../../cli/bundle/app-bundle.js';

test('a malformed package.json is named with what to do', async (t) => {
  const root = await mkdtemp(join(tmpdir(), 'shoal-bundle-'));
  t.teardown(() => rm(root, { recursive: true }));
  const path = join(root, 'package.json');
  for (const [content, fault] of [
    ['{', 'invalid JSON'],
    ['{"dependencies":["consul"]}', 'dependencies must be an object'],
  ] as const) {
    await writeFile(path, content);
    await t.throwsAsync(packApp('x64', root), {
      message: `${path}: ${fault}; install the package again`,
    });
  }
});
