import { posix } from 'node:path';
import { text } from 'node:stream/consumers';
import {
  array,
  decodeJson,
  nonEmptyString,
  object,
  orElse,
  string,
} from '../../../../manager/common/base/decode.js';
import { AppError, isNotFound } from '../../../../manager/common/base/errors.js';
import { decoded, type EngineClient } from '../client.js';
import type { ArchiveEntry, ArchiveWriter } from './archive.js';
import { readArchive, rewriteArchive, writeEntry } from './archive.js';

const layers = orElse(array(string), []);
const listedImages = array(object<{ readonly Id: string }>({ Id: nonEmptyString }));
const imageLayers = object<{ readonly RootFS: { readonly Layers: readonly string[] } }>({
  RootFS: object<{ readonly Layers: readonly string[] }>({ Layers: layers }),
});
const archiveManifest = array(object<{ readonly Layers: readonly string[] }>({ Layers: layers }));

/** The layers of the engine's images. */
export class ImageLayers {
  readonly #client: EngineClient;
  /** Layers by image id; the layers of an id never change. */
  #seen = new Map<string, readonly string[]>();

  constructor(client: EngineClient) {
    this.#client = client;
  }

  /**
   * Counts the layers, from the lowest, that a local image also has as its lowest. The engine
   * identifies a layer by the whole chain below it, so only such a prefix can be reused.
   */
  async known(wanted: readonly string[], signal: AbortSignal): Promise<number> {
    let longest = 0;
    for (const seen of await this.#all(signal)) {
      const differs = wanted.findIndex((layer, at) => seen[at] !== layer);
      longest = Math.max(longest, differs < 0 ? wanted.length : differs);
    }
    return longest;
  }

  async #all(signal: AbortSignal): Promise<Iterable<readonly string[]>> {
    const images = await this.#client.call(
      'list images',
      decoded(listedImages, (docker) => docker.listImages()),
      signal,
      30_000,
    );
    const seen = new Map<string, readonly string[]>();
    for (const { Id: id } of images) {
      seen.set(id, this.#seen.get(id) ?? (await this.#layersOf(id, signal)));
    }
    this.#seen = seen;
    return seen.values();
  }

  async #layersOf(id: string, signal: AbortSignal): Promise<readonly string[]> {
    try {
      const image = await this.#client.call(
        `inspect image ${id}`,
        decoded(imageLayers, (docker) => docker.getImage(id).inspect()),
        signal,
        15_000,
      );
      return image.RootFS.Layers;
    } catch (error) {
      // The image was removed after it was listed.
      if (isNotFound(error)) return [];
      throw error;
    }
  }
}

type OpenArchive = () => Promise<NodeJS.ReadableStream>;

/**
 * Runs `docker save` and omits the tars of the image's lowest layers. An engine that has these
 * layers can load the archive: it looks up a layer by its chain before it opens the tar (moby,
 * image/tarexport `Load`). The archive is read twice, since its manifest follows the layers.
 */
export async function saveWithoutLayers(
  open: OpenArchive,
  count: number,
): Promise<NodeJS.ReadableStream> {
  if (count === 0) return await open();
  const omitted = await lowestEntries(await open(), count);
  return rewriteArchive(await open(), (entry, archive) => copyEntry(entry, archive, omitted));
}

/** Archive names of the lowest `count` layers, except those that an upper layer links to. */
async function lowestEntries(
  archive: NodeJS.ReadableStream,
  count: number,
): Promise<ReadonlySet<string>> {
  let manifest: ReturnType<typeof archiveManifest> = [];
  const links = new Map<string, string>();
  await readArchive(archive, async (entry) => {
    const { name, type, linkname } = entry.header;
    // For layers with equal content the archive contains a symlink to the first.
    if (type === 'symlink') links.set(name, posix.join(posix.dirname(name), linkname));
    if (name === 'manifest.json')
      manifest = decodeJson(await text(entry), archiveManifest, 'manifest.json of image archive');
    entry.resume();
  });
  const names = manifest[0]?.Layers;
  if (names === undefined) throw new AppError('internal', 'image archive has no manifest.json');
  const needed = new Set(names.slice(count).flatMap((name) => [name, links.get(name) ?? name]));
  return new Set(names.slice(0, count).filter((name) => !needed.has(name)));
}

async function copyEntry(
  entry: ArchiveEntry,
  archive: ArchiveWriter,
  omitted: ReadonlySet<string>,
): Promise<void> {
  if (!omitted.has(entry.header.name)) {
    if (entry.header.type === 'file') {
      await writeEntry(archive, entry.header, entry);
      return;
    }
    archive.entry(entry.header);
  }
  entry.resume();
}
