import { mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { workingDirectory } from '../../cli/working-directory.js';

test('the working directory is PWD if PWD refers to the same folder', (t) => {
  const scratch = mkdtempSync(join(tmpdir(), 'working-directory-'));
  t.teardown(() => {
    rmSync(scratch, { recursive: true });
  });
  const here = realpathSync(process.cwd());
  const link = join(scratch, 'link');
  symlinkSync(here, link);
  t.is(workingDirectory({ PWD: link }), link);
  for (const PWD of [scratch, join(scratch, 'gone'), 'relative', `${link}/.`, undefined])
    t.is(workingDirectory({ PWD }), process.cwd());
});
