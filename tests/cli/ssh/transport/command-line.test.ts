import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import test from 'ava';
import fc from 'fast-check';
import { loginShellCommand, MarkedOutput } from '../../../../cli/ssh/transport/command-line.js';

const run = promisify(execFile);
const shells = ['sh', 'bash', 'fish', 'tcsh'];

test('every login shell passes the arguments on unchanged', async (t) => {
  const argv = ["it's", '$HOME `id` "x"', 'a\\b\\\\c\nd', '!x %s #? *~', 'é→', ''];
  const line = loginShellCommand(['printf', '[%s]', ...argv], 'marker');
  for (const shell of shells) {
    const { stdout } = await run(shell, ['-c', line]);
    t.is(stdout, `marker\n${argv.map((each) => `[${each}]`).join('')}`, `in ${shell}`);
  }
});

test('a line has no character that fish or csh reads in another way', (t) => {
  fc.assert(
    fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (argv) => {
      const safe = argv.map((each) => each.replaceAll('\0', ''));
      const inner = loginShellCommand(safe).slice(`sh -c 'eval "$(printf "`.length, -`")"'`.length);
      return /^(?:[^\\'"$`!%\n]|\\[0-3][0-7]{2})*$/u.test(inner);
    }),
  );
  t.pass();
});

test('output before the marker is noise, wherever chunks end', (t) => {
  const all = Buffer.from('Welcome\nmarker\nresult marker\n');
  for (let size = 1; size <= all.length; size += 1) {
    const output = new MarkedOutput('marker');
    let text = '';
    for (let at = 0; at < all.length; at += size)
      text += output.push(all.subarray(at, at + size)).toString();
    t.is(text, 'result marker\n');
    t.is(output.noise, 'Welcome');
    t.true(output.found);
  }
});
