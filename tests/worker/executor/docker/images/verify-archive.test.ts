import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import test from 'ava';
import { extract, pack } from 'tar-stream';
import { messageOf } from '../../../../../manager/common/base/errors.js';
import { verifiedArchive } from '../../../../../worker/executor/docker/images/verify-archive.js';

interface Entry {
  readonly name: string;
  readonly content?: string;
  readonly linkname?: string;
}

const config = '{"os":"linux"}';
const hex = createHash('sha256').update(config).digest('hex');
const expected = { image: 'app:1', id: `sha256:${hex}` };
const layer: Entry = { name: 'a/layer.tar', content: 'x'.repeat(5_000_000) };
const configFile: Entry = { name: `${hex}.json`, content: config };

function manifest(change: object = {}): Entry {
  const image = { Config: `${hex}.json`, RepoTags: ['app:1'], Layers: ['a/layer.tar'], ...change };
  return { name: 'manifest.json', content: JSON.stringify([image]) };
}

function indexOf(digest: string, tag = 'docker.io/library/app:1'): Entry {
  const annotations = { 'io.containerd.image.name': tag };
  return { name: 'index.json', content: JSON.stringify({ manifests: [{ digest, annotations }] }) };
}

interface Blob extends Entry {
  readonly digest: string;
}

function blobOf(document: object): Blob {
  const content = JSON.stringify(document);
  const digest = createHash('sha256').update(content).digest('hex');
  return { name: `blobs/sha256/${digest}`, digest: `sha256:${digest}`, content };
}

const ociManifest = blobOf({ config: { digest: expected.id } });
const ociIndex = blobOf({
  manifests: [{ digest: ociManifest.digest }, { digest: 'sha256:of-another-platform' }],
});

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

/** The contents that an engine would load by name, or the reason why it loads nothing. */
async function load(
  entries: readonly Entry[],
  wanted = expected,
): Promise<string | ReadonlyMap<string, string>> {
  const bytes = await tarOf(entries);
  const parts = Array.from({ length: Math.ceil(bytes.length / 65_536) }, (_, at) =>
    bytes.subarray(at * 65_536, (at + 1) * 65_536),
  );
  try {
    const checked = await buffer(verifiedArchive(Readable.from(parts), wanted));
    const reader = extract();
    Readable.from([checked]).pipe(reader);
    const found = new Map<string, string>();
    for await (const entry of reader) found.set(entry.header.name, await text(entry));
    return found;
  } catch (error) {
    return messageOf(error);
  }
}

function reasonOf(result: Awaited<ReturnType<typeof load>>): string {
  return typeof result === 'string' ? result : 'loaded';
}

test('an archive of the expected image is passed on, its layers unchanged', async (t) => {
  const entries = [
    layer,
    { name: 'b/layer.tar', linkname: '../a/layer.tar' },
    configFile,
    manifest(),
  ];
  const found = await load(entries);
  if (typeof found === 'string') throw new Error(found);
  t.deepEqual([...found.keys()], ['a/layer.tar', 'b/layer.tar', `${hex}.json`, 'manifest.json']);
  t.is(found.get('a/layer.tar'), layer.content);
});

test('the manifest may precede the configuration, and an image may have no tag', async (t) => {
  t.not(typeof (await load([manifest(), configFile, layer])), 'string');
  t.not(typeof (await load([manifest({ RepoTags: null }), configFile])), 'string');
  const hub = { image: 'docker.io/library/app:1', id: expected.id };
  t.not(typeof (await load([manifest(), configFile], hub)), 'string');
});

test('an archive may not move another tag', async (t) => {
  const tags = { RepoTags: ['app:1', 'victim:latest'] };
  t.regex(reasonOf(await load([configFile, manifest(tags)])), /would also tag "victim:latest"/u);
  const legacy = { name: 'repositories', content: '{"victim":{"latest":"a"}}' };
  const found = await load([configFile, manifest(), legacy]);
  t.false(typeof found !== 'string' && found.has('repositories'));
  const index = indexOf(expected.id, 'docker.io/library/x:1');
  t.regex(reasonOf(await load([configFile, manifest(), index])), /would also tag/u);
});

test('an archive of another image than the announced one is refused', async (t) => {
  const other = { image: 'app:1', id: `sha256:${'0'.repeat(64)}` };
  t.regex(
    reasonOf(await load([configFile, manifest()], other)),
    /has another image than sha256:000/u,
  );
  const swapped = { name: `${hex}.json`, content: '{"os":"evil"}' };
  t.regex(reasonOf(await load([swapped, manifest()])), /has another image/u);
});

test('an archive with an index is of the announced image for every kind of engine', async (t) => {
  const files = [configFile, manifest(), ociManifest];
  const byManifest = { image: 'app:1', id: ociManifest.digest };
  const byIndex = { image: 'app:1', id: ociIndex.digest };
  t.not(typeof (await load([...files, indexOf(ociManifest.digest)])), 'string');
  t.not(typeof (await load([...files, indexOf(ociManifest.digest)], byManifest)), 'string');
  t.not(typeof (await load([...files, ociIndex, indexOf(ociIndex.digest)], byIndex)), 'string');
});

test('the manifest and the index of an archive may not have different images', async (t) => {
  const evil = { name: 'evil.json', content: '{"os":"evil"}' };
  const evilConfig = manifest({ Config: 'evil.json' });
  const byManifest = { image: 'app:1', id: ociManifest.digest };
  const evilIndex = blobOf({ config: { digest: blobOf({ os: 'evil' }).digest } });
  const unread = indexOf(`sha256:${'1'.repeat(64)}`);
  const forged = { ...ociManifest, content: JSON.stringify({ config: { digest: 'sha256:1' } }) };
  for (const [entries, wanted] of [
    [[evil, evilConfig, ociManifest, indexOf(ociManifest.digest)], byManifest],
    [[configFile, manifest(), evilIndex, indexOf(evilIndex.digest)], expected],
    [[configFile, manifest(), unread], expected],
    [[configFile, manifest(), forged, indexOf(ociManifest.digest)], byManifest],
  ] as const) {
    t.regex(reasonOf(await load(entries, wanted)), /another image|index without an image/u);
  }
});

test('an archive with too many entries is refused', async (t) => {
  const entries = Array.from({ length: 10_001 }, (_, at) => ({ name: `f${at}` }));
  t.regex(reasonOf(await load(entries)), /has over 10000 entries/u);
});

test('an archive whose names or documents would fill the memory is refused', async (t) => {
  const document = JSON.stringify({ text: 'x'.repeat(250_000) });
  const documents = Array.from({ length: 140 }, (_, at) => ({
    name: `blobs/sha256/${at}`,
    content: document,
  }));
  const longNames = Array.from({ length: 10 }, (_, at) => ({
    name: `${at}${'x'.repeat(3_900_000)}`,
  }));
  for (const entries of [documents, longNames]) {
    t.regex(
      reasonOf(await load([configFile, manifest(), ...entries])),
      /has too many names and documents/u,
    );
  }
});

for (const [title, entries, reason] of [
  ['no manifest', [configFile], /has no manifest\.json/u],
  ['two manifests', [configFile, manifest(), manifest()], /has manifest\.json twice/u],
  [
    'a second manifest by another path',
    [configFile, manifest(), { ...manifest(), name: './manifest.json' }],
    /twice/u,
  ],
  [
    'a linked manifest',
    [configFile, { name: 'manifest.json', linkname: 'a' }],
    /is not a small file/u,
  ],
  [
    'two images',
    [
      configFile,
      { name: 'manifest.json', content: JSON.stringify([{ Config: 'a' }, { Config: 'b' }]) },
    ],
    /not exactly one image/u,
  ],
  [
    'a huge manifest',
    [{ name: 'manifest.json', content: ' '.repeat(5_000_000) }],
    /is not a small file/u,
  ],
  [
    'a malformed manifest',
    [configFile, { name: 'manifest.json', content: '{' }],
    /manifest\.json/u,
  ],
] as const) {
  test(`an archive with ${title} is refused`, async (t) => {
    t.regex(reasonOf(await load(entries)), reason);
  });
}

test('an archive that breaks off is refused', async (t) => {
  const bytes = await tarOf([layer, configFile, manifest()]);
  const cut = verifiedArchive(Readable.from([bytes.subarray(0, 100_000)]), expected);
  await t.throwsAsync(buffer(cut));
});
