import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Header, Pack } from 'tar-stream';
import { extract, pack } from 'tar-stream';

/** An entry of an image archive; its content has to be read or skipped with `resume`. */
export type ArchiveEntry = AsyncIterable<unknown> & {
  readonly header: Header;
  resume(): unknown;
};

/** Writer of an image archive. */
export type ArchiveWriter = Pick<Pack, 'entry'>;

/** Visits the entries of an image archive one after the other. */
export async function readArchive(
  from: NodeJS.ReadableStream,
  visit: (entry: ArchiveEntry) => Promise<void>,
): Promise<void> {
  const reader = extract();
  const reading = (async () => {
    for await (const entry of reader) await visit(entry);
  })();
  await Promise.all([pipeline(from, reader), reading]);
}

/** Writes a file of an archive, with back-pressure. */
export async function writeEntry(
  archive: ArchiveWriter,
  header: Partial<Header> & Pick<Header, 'name'>,
  content: AsyncIterable<unknown>,
): Promise<void> {
  await pipeline(content, archive.entry(header));
}

/**
 * Packs an archive again: `copy` passes each entry on or skips it. The stream fails before its end
 * if `copy` or `finish` throws.
 */
export function rewriteArchive(
  from: NodeJS.ReadableStream,
  copy: (entry: ArchiveEntry, archive: ArchiveWriter) => Promise<void>,
  finish?: () => void,
): Readable {
  const archive = pack();
  const copying = async (): Promise<void> => {
    await readArchive(from, (entry) => copy(entry, archive));
    finish?.();
    archive.finalize();
  };
  copying().catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return Readable.from(archive as AsyncIterable<Buffer>, { objectMode: false });
}
