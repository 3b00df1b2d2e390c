import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough } from 'node:stream';
import test from 'ava';
import { readToken } from '../../../../cli/commands/cluster/join.js';

function stdin(text: string): { readonly stdin: NodeJS.ReadStream } {
  const stream = new PassThrough();
  stream.end(text);
  return { stdin: stream as unknown as NodeJS.ReadStream };
}

test('a token comes from an argument, from standard input or from a file', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'join-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const path = join(folder, 'token');
  await writeFile(path, 'shoal1.file\n');
  t.is(await readToken(stdin(''), { token: 'shoal1.flag' }), 'shoal1.flag');
  t.is(await readToken(stdin('shoal1.stdin\n'), { token: '-' }), 'shoal1.stdin');
  t.is(await readToken(stdin(''), { tokenFile: path }), 'shoal1.file');
});

test('a missing token and an unreadable file are errors of one line that name the flag', async (t) => {
  await t.throwsAsync(readToken(stdin(''), {}), {
    message: 'join: no token; use --token-file PATH, or --token - for stdin',
  });
  await t.throwsAsync(readToken(stdin(''), { tokenFile: '/nonexistent/token' }), {
    message: /^--token-file: ENOENT[^\n]*$/u,
  });
});
