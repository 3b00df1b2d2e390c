import { PassThrough } from 'node:stream';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { promptSecret } from '../../../cli/output/prompt-secret.js';

interface Terminal {
  readonly stdin: PassThrough;
  readonly stderr: PassThrough;
  /** The modes that were set: true for raw. */
  readonly modes: readonly boolean[];
}

function terminal(t: ExecutionContext): Terminal & { readonly streams: never } {
  const modes: boolean[] = [];
  const stdin = Object.assign(new PassThrough(), {
    setRawMode: (raw: boolean) => modes.push(raw),
  });
  const stderr = new PassThrough();
  t.teardown(() => stdin.destroy());
  return { stdin, stderr, modes, streams: { stdin, stderr } as never };
}

test('a typed secret is not shown, and keys that erase it work', async (t) => {
  const { stdin, stderr, modes, streams } = terminal(t);
  const answer = promptSecret('Passphrase', streams);
  const euro = Buffer.from('€');
  for (const part of ['horsf', '\u007F', 'e ', euro.subarray(0, 1), euro.subarray(1), '\r']) {
    stdin.write(part);
  }
  t.is(await answer, 'horse €');
  t.is(String(stderr.read()), 'Passphrase: \n');
  t.deepEqual(modes, [true, false]);
});

test('Ctrl-C and the end of the input cancel the prompt and restore the terminal', async (t) => {
  for (const end of ['\u0003', '\u0004', undefined]) {
    const { stdin, modes, streams } = terminal(t);
    const answer = promptSecret('Passphrase', streams);
    stdin.write('horse');
    if (end === undefined) stdin.end();
    else stdin.write(end);
    await t.throwsAsync(answer, { message: 'interrupted' });
    t.deepEqual(modes, [true, false]);
  }
});
