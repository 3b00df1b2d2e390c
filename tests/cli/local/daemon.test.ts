import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import test from 'ava';
import { lastLogMessage } from '../../../cli/local/daemon.js';
import { localLayout, logPath } from '../../../cli/local/layout.js';

test('the last log message of a daemon is shown, also from a line of another form', async (t) => {
  const home = await mkdtemp(join(tmpdir(), 'shoal-local-'));
  t.teardown(() => rm(home, { recursive: true }));
  const layout = localLayout(home);
  const path = logPath(layout, 'manager');
  await mkdir(dirname(path), { recursive: true });
  const shown: string[] = [];
  for (const line of ['{"message":"port in use"}', '{"message":5}', 'null', 'panic: x']) {
    await writeFile(path, `first\n${line}\n`);
    shown.push(await lastLogMessage(layout, 'manager'));
  }
  t.deepEqual(shown, ['port in use', '{"message":5}', 'null', 'panic: x']);
});
