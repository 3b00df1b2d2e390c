import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const module = new URL('../../../../cli/ssh/transport/at-exit.js', import.meta.url).href;

async function runScript(body: string): Promise<readonly string[]> {
  const script = `import { atExit, temporaryFolder } from '${module}';\n${body}`;
  const ended = run(process.execPath, ['--input-type=module', '-e', script]);
  const { stdout } = await ended.catch((error: unknown) => error as { stdout: string });
  return stdout.trim().split('\n');
}

test('an exit removes temporary folders, after their last use', async (t) => {
  const [path = '', seen] = await runScript(`
    import { existsSync } from 'node:fs';
    const { path } = temporaryFolder('shoal-test-');
    console.log(path);
    atExit(() => console.log(existsSync(path)));
    process.exit(130);
  `);
  t.regex(path, /shoal-test-/u);
  t.is(seen, 'true');
  t.false(existsSync(path));
});

test('a step that is taken back does not run', async (t) => {
  t.deepEqual(
    await runScript(`
      const cancel = atExit(() => console.log('cancelled'));
      atExit(() => console.log('kept'));
      cancel();
    `),
    ['kept'],
  );
});
