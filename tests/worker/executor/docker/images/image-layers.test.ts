import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import test from 'ava';
import { extract, pack } from 'tar-stream';
import { saveWithoutLayers } from '../../../../../worker/executor/docker/images/image-layers.js';

interface Entry {
  readonly name: string;
  readonly content?: string;
  readonly linkname?: string;
}

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const { name, content = '', linkname } of entries) {
    if (linkname === undefined) archive.entry({ name }, content);
    else archive.entry({ name, type: 'symlink', linkname });
  }
  archive.finalize();
  return bytes;
}

async function namesIn(archive: NodeJS.ReadableStream): Promise<readonly string[]> {
  const reader = extract();
  archive.pipe(reader);
  const names: string[] = [];
  for await (const entry of reader) {
    names.push(entry.header.name);
    entry.resume();
  }
  return names;
}

/** Archive layout of Docker 20.10: a folder per layer, symlinks for layers with equal content. */
const parts: readonly Entry[] = [
  { name: 'a/layer.tar', content: 'base' },
  { name: 'b/layer.tar', content: 'middle' },
  { name: 'c/layer.tar', linkname: '../a/layer.tar' },
  { name: 'd/VERSION' },
  { name: 'd/layer.tar', content: 'top' },
  { name: 'id.json', content: '{}' },
];

async function saved(layers: readonly string[]): Promise<() => Promise<NodeJS.ReadableStream>> {
  const manifest = { name: 'manifest.json', content: JSON.stringify([{ Layers: layers }]) };
  const bytes = await tarOf([...parts, manifest]);
  return () => Promise.resolve(Readable.from([bytes.subarray(0, 700), bytes.subarray(700)]));
}

test('only the lowest layers are omitted from a saved image', async (t) => {
  const open = await saved(['a/layer.tar', 'b/layer.tar', 'd/layer.tar']);
  t.deepEqual(await namesIn(await saveWithoutLayers(open, 2)), [
    'c/layer.tar',
    'd/VERSION',
    'd/layer.tar',
    'id.json',
    'manifest.json',
  ]);
  t.is((await namesIn(await saveWithoutLayers(open, 0))).length, parts.length + 1);
});

test('a layer that an upper layer links to is kept', async (t) => {
  const open = await saved(['a/layer.tar', 'b/layer.tar', 'c/layer.tar']);
  const names = await namesIn(await saveWithoutLayers(open, 2));
  t.true(names.includes('a/layer.tar'));
  t.false(names.includes('b/layer.tar'));
});

test('an error of the source archive fails the filtered archive', async (t) => {
  const open = await saved(['a/layer.tar', 'b/layer.tar', 'd/layer.tar']);
  let opened = 0;
  const breaking = async (): Promise<NodeJS.ReadableStream> => {
    opened += 1;
    if (opened === 1) return open();
    const whole = await open();
    return Readable.from(
      (async function* () {
        for await (const chunk of whole) {
          yield chunk;
          throw new Error('the engine has gone');
        }
      })(),
    );
  };
  await t.throwsAsync(async () => buffer(await saveWithoutLayers(breaking, 1)), {
    message: 'the engine has gone',
  });
});
