import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { packApp } from '../../../cli/bundle/app-bundle.js';

async function emptyRoot(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'shoal-bundle-'));
}

test('the application is package.json and the built program, with a checksum of its content', async (t) => {
  const root = await emptyRoot();
  t.teardown(() => rm(root, { recursive: true }));
  await mkdir(join(root, 'dist/program'), { recursive: true });
  await mkdir(join(root, 'dist/cli'));
  await writeFile(join(root, 'package.json'), '{"version":"1.2.3"}');
  await writeFile(join(root, 'dist/program/main.js'), 'main()');
  await writeFile(join(root, 'dist/cli/module.js'), 'not part of it');

  const first = await packApp(root);
  const again = await packApp(root);
  await writeFile(join(root, 'dist/program/main.js'), 'other()');
  const changed = await packApp(root);

  const listed = first.tar.toString('latin1');
  t.regex(listed, /package\.json/u);
  t.regex(listed, /dist\/program\/main\.js/u);
  t.notRegex(listed, /module\.js/u);
  t.is(first.sum, again.sum);
  t.not(first.sum, changed.sum);
});

test('a checkout without a built program is named with what to do', async (t) => {
  const root = await emptyRoot();
  t.teardown(() => rm(root, { recursive: true }));
  await t.throwsAsync(packApp(root), {
    message: `${root}/dist/program has no program for machines; run npm run build there or install shoal again`,
  });
});
