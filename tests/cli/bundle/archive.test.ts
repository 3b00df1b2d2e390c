import { lstat, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { Header } from 'tar-stream';
import { pack } from 'tar-stream';
import { unpackTree } from '../../../cli/bundle/archive.js';
import { temporaryFolder } from '../../helpers/pki/pki-folder.js';

/** Unpacks like `cp` into `out`, next to a folder of the user that must stay unchanged. */
async function unpack(
  t: ExecutionContext,
  entries: readonly (Partial<Header> & { readonly name: string } & { readonly content?: string })[],
): Promise<{ readonly home: string; readonly error: string }> {
  const home = await temporaryFolder(t);
  await mkdir(join(home, '.ssh'), { mode: 0o700 });
  await writeFile(join(home, '.ssh', 'keys'), 'mine');
  const archive = pack();
  for (const { content = '', ...header } of entries) archive.entry(header, content);
  archive.finalize();
  const place = (name: string): string => join(home, 'out', ...name.split('/').slice(1));
  const error = await unpackTree(archive as unknown as NodeJS.ReadableStream, home, place).then(
    () => '',
    (caught: unknown) => (caught as Error).message,
  );
  t.is(await readFile(join(home, '.ssh', 'keys'), 'utf8'), 'mine');
  t.is((await stat(join(home, '.ssh'))).mode & 0o777, 0o700);
  return { home, error };
}

test('unpacking creates files, folders and links', async (t) => {
  const { home, error } = await unpack(t, [
    { name: 'data/', type: 'directory', mode: 0o755 },
    { name: 'data/a', content: 'hello', mode: 0o640 },
    { name: 'data/link', type: 'symlink', linkname: 'a' },
  ]);
  t.is(error, '');
  t.is(await readFile(join(home, 'out', 'link'), 'utf8'), 'hello');
  t.is((await lstat(join(home, 'out', 'a'))).mode & 0o777, 0o640);
});

test('unpacking rejects an entry outside the target folder', async (t) => {
  const { error } = await unpack(t, [{ name: 'data/../.ssh/keys', content: 'theirs' }]);
  t.regex(error, /entry is outside the target folder: "data\/\.\.\/\.ssh\/keys"/);
});

test('unpacking does not write through a link of the archive', async (t) => {
  const link = { name: 'data/x', type: 'symlink', linkname: '../.ssh' } as const;
  const file = await unpack(t, [link, { name: 'data/x/keys', content: 'theirs' }]);
  t.regex(file.error, /entry is behind the symbolic link/);
  const folder = await unpack(t, [link, { name: 'data/x', type: 'directory', mode: 0o777 }]);
  t.regex(folder.error, /entry would replace the link .* by a folder/);
});

test('a file of the archive replaces a link and not the target of the link', async (t) => {
  const { home, error } = await unpack(t, [
    { name: 'data/x', type: 'symlink', linkname: '../.ssh/keys' },
    { name: 'data/x', content: 'theirs' },
  ]);
  t.is(error, '');
  t.is(await readFile(join(home, 'out', 'x'), 'utf8'), 'theirs');
});
