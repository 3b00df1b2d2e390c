import { createHash } from 'node:crypto';
import { posix } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import {
  array,
  decodeJson,
  nonEmptyString,
  object,
  optional,
  orElse,
  string,
} from '../../../../manager/common/base/decode.js';
import { AppError } from '../../../../manager/common/base/errors.js';
import { imageKey } from '../../../../manager/common/model/trust/image-record.js';
import type { ArchiveEntry, ArchiveWriter } from './archive.js';
import { rewriteArchive, writeEntry } from './archive.js';

/*
 * Image archives of other nodes are not trusted: one may hold another image than the announced one,
 * or move other tags of this engine. The archive is packed again entry by entry, so the engine
 * reads what was checked, and is cut off before its end if a check fails: engines load nothing of
 * an incomplete archive.
 */

/** An announced image. */
export interface ExpectedImage {
  /** The reference that the archive may tag. */
  readonly image: string;
  /** `sha256:…`, as the engine reports it. */
  readonly id: string;
}

/** Largest file that may be a manifest or an image's configuration, bytes. */
const metadataBytes = 4 * 1024 * 1024;
/** Maximum number of entries; an image has at most 127 layers. */
const maxEntries = 10_000;
/** Largest manifest of an OCI archive, bytes. */
const documentBytes = 256 * 1024;
/** Maximum size of all names and documents, which are kept until the end, in characters. */
const keptCharacters = 32 * 1024 * 1024;
const blobFolder = 'blobs/sha256/';

function isMetadata(name: string): boolean {
  return name === 'manifest.json' || name === 'index.json';
}

const dockerManifest = array(
  object<{ readonly Config: string; readonly RepoTags: readonly string[] }>({
    Config: nonEmptyString,
    RepoTags: orElse(array(string), []),
  }),
);

const nameAnnotation = 'io.containerd.image.name';
interface Annotations {
  readonly [nameAnnotation]?: string | undefined;
}
interface IndexedManifest {
  readonly digest: string;
  readonly annotations?: Annotations | undefined;
}
const ociIndex = object<{ readonly manifests: readonly IndexedManifest[] }>({
  manifests: array(
    object<IndexedManifest>({
      digest: nonEmptyString,
      annotations: optional(object<Annotations>({ [nameAnnotation]: optional(string) })),
    }),
  ),
});

/** A file of an OCI archive: a manifest with its configuration, or an index with its manifests. */
const ociBlob = object<{
  readonly config?: { readonly digest: string } | undefined;
  readonly manifests: readonly { readonly digest: string }[];
}>({
  config: optional(object({ digest: nonEmptyString })),
  manifests: orElse(array(object({ digest: nonEmptyString })), []),
});

class ArchiveCheck {
  readonly #expected: ExpectedImage;
  /** Hex digests of the small files, by name. */
  readonly #digests = new Map<string, string>();
  readonly #texts = new Map<string, string>();
  readonly #names = new Set<string>();
  #kept = 0;

  constructor(expected: ExpectedImage) {
    this.#expected = expected;
  }

  /** Throws `forbidden` for a second entry of the same name, which would replace the first. */
  claim(name: string): void {
    if (this.#names.has(name)) throw this.#refusal(`has ${name} twice`);
    if (this.#names.size >= maxEntries) throw this.#refusal(`has over ${maxEntries} entries`);
    this.#keep(name);
    this.#names.add(name);
  }

  /** Notes the content of a small file. */
  note(name: string, content: Buffer): void {
    this.#digests.set(name, createHash('sha256').update(content).digest('hex'));
    const isJson = content[0] === 0x7b && content.length <= documentBytes;
    if (isMetadata(name) || (name.startsWith(blobFolder) && isJson)) {
      const document = content.toString();
      this.#keep(document);
      this.#texts.set(name, document);
    }
  }

  #keep(text: string): void {
    this.#kept += text.length;
    if (this.#kept > keptCharacters) throw this.#refusal('has too many names and documents');
  }

  /** Throws `forbidden` unless the archive has the announced image and no other tag. */
  finish(): void {
    const { id } = this.#expected;
    const text = this.#texts.get('manifest.json');
    if (text === undefined) throw this.#refusal('has no manifest.json');
    const images = decodeJson(text, dockerManifest, 'manifest.json of image archive');
    const [image] = images;
    if (image === undefined || images.length > 1) throw this.#refusal('has not exactly one image');
    this.#checkTags(image.RepoTags);
    const config = `sha256:${this.#digests.get(posix.normalize(image.Config)) ?? ''}`;
    const indexed = this.#checkIndex();
    // Some engines read the index, others manifest.json: both have to be of the announced image.
    const isExpected =
      indexed === undefined
        ? config === id
        : (indexed.digest === id && indexed.configs.includes(config)) ||
          (config === id && indexed.configs.every((digest) => digest === id));
    if (!isExpected) throw this.#refusal(`has another image than ${id}`);
  }

  /** The only image in an OCI index: its digest and those of its configurations. */
  #checkIndex(): { readonly digest: string; readonly configs: readonly string[] } | undefined {
    const text = this.#texts.get('index.json');
    if (text === undefined) return undefined;
    const { manifests } = decodeJson(text, ociIndex, 'index.json of image archive');
    this.#checkTags(manifests.flatMap(({ annotations }) => annotations?.[nameAnnotation] ?? []));
    const digests = new Set(manifests.map(({ digest }) => digest));
    const [digest = ''] = digests;
    if (digests.size !== 1) throw this.#refusal('has not exactly one image');
    const { config, manifests: variants } = this.#blob(digest);
    // Variants for other platforms may be missing from an archive.
    const others = variants.map((variant) => this.#blob(variant.digest).config);
    const configs = [config, ...others].flatMap((found) => found?.digest ?? []);
    if (configs.length === 0) throw this.#refusal('has an index without an image');
    return { digest, configs };
  }

  /** The document with this digest; empty if the archive has none. */
  #blob(digest: string): ReturnType<typeof ociBlob> {
    const hex = digest.replace('sha256:', '');
    const name = `${blobFolder}${hex}`;
    const text = this.#texts.get(name);
    if (text === undefined || this.#digests.get(name) !== hex) return { manifests: [] };
    return decodeJson(text, ociBlob, `${name} of image archive`);
  }

  #checkTags(tags: readonly string[]): void {
    const wanted = imageKey(this.#expected.image);
    const other = tags.find((tag) => imageKey(tag) !== wanted);
    if (other !== undefined) throw this.#refusal(`would also tag ${JSON.stringify(other)}`);
  }

  #refusal(problem: string): AppError {
    return new AppError(
      'forbidden',
      `image ${this.#expected.image}: the archive of the other node ${problem}; check that node`,
    );
  }
}

async function copyFile(
  entry: ArchiveEntry,
  name: string,
  archive: ArchiveWriter,
  check: ArchiveCheck,
): Promise<void> {
  const { size, mode, mtime } = entry.header;
  // Extended headers are left out: engines read other names and sizes from some of them.
  const header = { name, size, mode, mtime, type: 'file' as const };
  const isSmall = size <= metadataBytes;
  if (isMetadata(name) && !isSmall) throw notSmall(name);
  check.claim(name);
  if (!isSmall) {
    await writeEntry(archive, header, entry);
    return;
  }
  const content = await buffer(entry);
  check.note(name, content);
  await writeEntry(archive, header, Readable.from([content]));
}

function notSmall(name: string): AppError {
  return new AppError('forbidden', `image archive: ${name} is not a small file`);
}

/** Engines of version 20 link layers of equal content; links elsewhere could redirect files. */
function isLayerLink(name: string, linkname: string): boolean {
  const target = posix.join(posix.dirname(name), linkname);
  return [name, target].every((path) => /^[\w:-]+\/layer\.tar$/u.test(path));
}

async function copyEntry(
  entry: ArchiveEntry,
  archive: ArchiveWriter,
  check: ArchiveCheck,
): Promise<void> {
  const { type, linkname } = entry.header;
  const name = posix.normalize(entry.header.name).replace(/^\/+/u, '');
  // Read by old engines instead of the manifest: another place for tags.
  if (name === 'repositories') entry.resume();
  else if (type === 'file' || type === 'contiguous-file') {
    await copyFile(entry, name, archive, check);
  } else if (type === 'directory') {
    archive.entry({ name, type });
    entry.resume();
  } else if (type === 'symlink' && isLayerLink(name, linkname)) {
    check.claim(name);
    archive.entry({ name, type, linkname });
    entry.resume();
  } else if (isMetadata(name)) throw notSmall(name);
  else throw new AppError('forbidden', `image archive: ${name} is a ${type}`);
}

/**
 * The archive as an engine may load it. The stream fails with `forbidden` before its end if the
 * archive is not of the expected image or would move another tag.
 */
export function verifiedArchive(from: NodeJS.ReadableStream, expected: ExpectedImage): Readable {
  const check = new ArchiveCheck(expected);
  return rewriteArchive(
    from,
    (entry, archive) => copyEntry(entry, archive, check),
    () => {
      check.finish();
    },
  );
}
