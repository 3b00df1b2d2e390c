import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { extract, pack } from 'tar-stream';
import { isFields } from '../../../manager/common/base/decode.js';
import { verifiedArchive } from '../../../worker/executor/docker/images/verify-archive.js';
import { mutateJson } from '../mutate-json.js';
import { below, mutate, pick } from '../mutate.js';
import type { FuzzTarget } from '../target.js';

interface Entry {
  readonly name: string;
  readonly content: string;
  readonly link?: string;
}

const digestOf = (text: string | Buffer): string => createHash('sha256').update(text).digest('hex');
const config = JSON.stringify({ os: 'linux', rootfs: { type: 'layers', diff_ids: [] } });
const hex = digestOf(config);
const expected = { image: 'app:1', id: `sha256:${hex}` };
const layer: Entry = { name: 'a/layer.tar', content: 'layer'.repeat(4_000) };
const dockerManifest = [
  { Config: `${hex}.json`, RepoTags: ['app:1'], Layers: ['a/layer.tar'] },
] as const;
const ociManifest = JSON.stringify({ config: { digest: expected.id }, layers: [] });
const ociIndex = {
  manifests: [
    {
      digest: `sha256:${digestOf(ociManifest)}`,
      annotations: { 'io.containerd.image.name': 'docker.io/library/app:1' },
    },
  ],
};
/** Longest time for one archive, ms; a longer one hangs. */
const maxMs = 20_000;

/** The check of image archives from other nodes: changed archives, and archives of other images. */
export const target: FuzzTarget = {
  async run({ random, isOver, record, answered }) {
    while (!isOver()) {
      const input = await anyArchive(random);
      record(input);
      const loaded = await verify(random, input);
      if (loaded !== undefined) {
        answered();
        await checkLoaded(loaded);
      }
      await nextTurn();
    }
  },
};

/** The archive as the engine would load it; undefined for a refused one. */
async function verify(random: () => number, input: Buffer): Promise<Buffer | undefined> {
  const size = 1 + below(random, 65_536);
  const parts = Array.from({ length: Math.ceil(input.length / size) }, (_, at) =>
    input.subarray(at * size, (at + 1) * size),
  );
  const checked = verifiedArchive(Readable.from(parts), expected);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new RangeError('the check of an archive hangs'));
    }, maxMs);
  });
  try {
    return await Promise.race([buffer(checked), late]);
  } catch (error) {
    if (error instanceof RangeError && error.message.includes('hangs')) throw error;
    return undefined;
  } finally {
    clearTimeout(timer);
    checked.destroy();
  }
}

/** Throws if an archive that was passed on has another image or sets another tag. */
async function checkLoaded(archive: Buffer): Promise<void> {
  const files = new Map<string, Buffer>();
  const reader = extract();
  Readable.from([archive]).pipe(reader);
  for await (const entry of reader) {
    if (files.has(entry.header.name)) throw new Error(`${entry.header.name} was passed on twice`);
    files.set(entry.header.name, await buffer(entry));
  }
  const images = JSON.parse(files.get('manifest.json')?.toString() ?? '[]') as unknown[];
  const [image] = images;
  if (images.length !== 1 || !isFields(image)) throw new Error('not one image was passed on');
  const content = files.get(String(image.Config)) ?? Buffer.alloc(0);
  if (digestOf(content) !== hex) throw new Error('another image was passed on');
  const tags = Array.isArray(image.RepoTags) ? image.RepoTags : [];
  if (tags.some((tag) => !/^(docker\.io\/)?(library\/)?app:1$/u.test(String(tag)))) {
    throw new Error(`tags were passed on: ${String(tags)}`);
  }
}

async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const { name, content, link } of entries) {
    if (link === undefined) archive.entry({ name }, content);
    else archive.entry({ name, type: 'symlink', linkname: link });
  }
  archive.finalize();
  return bytes;
}

const names = [
  'manifest.json',
  './manifest.json',
  '../manifest.json',
  'index.json',
  `${hex}.json`,
  'repositories',
  `blobs/sha256/${hex}`,
  'b/layer.tar',
  `${'d/'.repeat(60)}x`,
] as const;

async function anyArchive(random: () => number): Promise<Buffer> {
  const other = JSON.stringify(mutateJson(random, JSON.parse(config)));
  const text = (value: unknown): string =>
    JSON.stringify(random() < 0.6 ? value : mutateJson(random, value));
  const entries: Entry[] = [
    { name: `${hex}.json`, content: random() < 0.8 ? config : other },
    { name: 'manifest.json', content: text(dockerManifest) },
    layer,
  ];
  if (random() < 0.5) {
    entries.push(
      { name: `blobs/sha256/${digestOf(ociManifest)}`, content: ociManifest },
      { name: 'index.json', content: text(ociIndex) },
    );
  }
  for (let left = below(random, 3); left > 0; left -= 1) {
    const [name, link] = [pick(random, names), pick(random, names)];
    entries.push({ name, content: other, ...(random() < 0.4 ? { link } : {}) });
  }
  entries.sort(() => random() - 0.5);
  const archive = await tarOf(entries);
  return random() < 0.5 ? archive : mutate(random, archive);
}
