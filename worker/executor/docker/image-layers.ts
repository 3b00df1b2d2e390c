import { posix } from 'node:path';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import type { Pack } from 'tar-stream';
import { extract, pack } from 'tar-stream';
import { AppError, isNotFound } from '../../../manager/common/base/errors.js';
import type { EngineClient } from './client.js';

/** Which layers the engine has, by the images it lists. */
export class ImageLayers {
  readonly #client: EngineClient;
  /** By image id, whose layers never change. */
  #seen = new Map<string, readonly string[]>();

  constructor(client: EngineClient) {
    this.#client = client;
  }

  /**
   * How many of the layers, from the lowest, some image has as its own lowest: the engine keeps a layer
   * by the whole chain below it, so only those are of use to it.
   */
  async known(layers: readonly string[], signal: AbortSignal): Promise<number> {
    let most = 0;
    for (const own of await this.#all(signal)) {
      const differs = layers.findIndex((layer, at) => own[at] !== layer);
      most = Math.max(most, differs < 0 ? layers.length : differs);
    }
    return most;
  }

  async #all(signal: AbortSignal): Promise<Iterable<readonly string[]>> {
    const images = await this.#client.call(
      'list images',
      (docker) => docker.listImages(),
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
        (docker) => docker.getImage(id).inspect(),
        signal,
        15_000,
      );
      return image.RootFS.Layers ?? [];
    } catch (error) {
      // Removed since it was listed.
      if (isNotFound(error)) return [];
      throw error;
    }
  }
}

type OpenArchive = () => Promise<NodeJS.ReadableStream>;

/**
 * `docker save` without the tars of the image's lowest layers. An engine that has these layers loads it
 * as if they were there: it looks a layer up by its chain before it opens the tar (moby, image/tarexport
 * `Load`). The archive is read twice, since its list of layers comes behind them.
 */
export async function saveWithout(
  open: OpenArchive,
  count: number,
): Promise<NodeJS.ReadableStream> {
  if (count === 0) return await open();
  const leftOut = await entriesOf(await open(), count);
  const archive = pack();
  copy(await open(), archive, leftOut).catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return archive as unknown as NodeJS.ReadableStream;
}

/** Names in the archive of the lowest `count` layers, but those that a layer above stands on. */
async function entriesOf(
  archive: NodeJS.ReadableStream,
  count: number,
): Promise<ReadonlySet<string>> {
  const reader = extract();
  let manifest: readonly { readonly Layers: readonly string[] }[] = [];
  const links = new Map<string, string>();
  const reading = (async () => {
    for await (const entry of reader) {
      const { name, type, linkname } = entry.header;
      // Two layers of the same content: the second is a link to the first.
      if (type === 'symlink') links.set(name, posix.join(posix.dirname(name), linkname));
      if (name === 'manifest.json') manifest = JSON.parse(await text(entry)) as typeof manifest;
      entry.resume();
    }
  })();
  await Promise.all([pipeline(archive, reader), reading]);
  const layers = manifest[0]?.Layers;
  if (layers === undefined) throw new AppError('internal', 'the archive of an image has no list');
  const needed = new Set(layers.slice(count).flatMap((name) => [name, links.get(name) ?? name]));
  return new Set(layers.slice(0, count).filter((name) => !needed.has(name)));
}

async function copy(
  from: NodeJS.ReadableStream,
  archive: Pack,
  leftOut: ReadonlySet<string>,
): Promise<void> {
  const reader = extract();
  const copying = (async () => {
    for await (const entry of reader) {
      if (leftOut.has(entry.header.name)) entry.resume();
      else if (entry.header.type === 'file') {
        await pipeline(entry, archive.entry(entry.header));
      } else {
        archive.entry(entry.header);
        entry.resume();
      }
    }
    archive.finalize();
  })();
  await Promise.all([pipeline(from, reader), copying]);
}
