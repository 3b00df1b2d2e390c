import {
  decodeJson,
  fields,
  number,
  object,
  orElse,
  string,
  type Decoder,
} from '../../../manager/common/base/decode.js';
import { isNotFound } from '../../../manager/common/base/errors.js';
import { decoded, type EngineClient } from './client.js';
import { shortId } from './containers.js';
import { firstFileOf } from './file-owner.js';

/**
 * Tar archive of a path in a container (`GET …/archive`), or of the whole file system without a
 * path (`GET …/export`).
 */
export async function openArchive(
  client: EngineClient,
  containerId: string,
  path: string | undefined,
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  const base = `/containers/${containerId}`;
  const name = shortId(containerId);
  return path === undefined
    ? await client.stream(`export container ${name}`, `${base}/export`, {}, signal)
    : await client.stream(
        `copy ${path} from container ${name}`,
        `${base}/archive`,
        { path },
        signal,
      );
}

/** Limit of `readSmallFile`. */
const maxSmallBytes = 1024 * 1024;

/** Text of a file in a container, running or not; empty if it does not exist or is too large. */
export async function readSmallFile(
  client: EngineClient,
  containerId: string,
  path: string,
  signal: AbortSignal,
): Promise<string> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(15_000)]);
  try {
    const archive = await openArchive(client, containerId, path, deadline);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of archive as AsyncIterable<Buffer>) {
      bytes += chunk.length;
      if (bytes > maxSmallBytes) return '';
      chunks.push(chunk);
    }
    return firstFileOf(Buffer.concat(chunks));
  } catch (error) {
    if (isNotFound(error)) return '';
    throw error;
  }
}

/** Extracts a tar archive into an existing directory (`PUT …/archive`). */
export async function putArchive(
  client: EngineClient,
  containerId: string,
  { path, archive }: { readonly path: string; readonly archive: NodeJS.ReadableStream },
  signal: AbortSignal,
): Promise<void> {
  await client.open(
    `copy to ${path} in container ${shortId(containerId)}`,
    (docker, abortSignal) =>
      docker.getContainer(containerId).putArchive(archive, {
        path,
        noOverwriteDirNonDir: 'true',
        abortSignal,
      }) as Promise<unknown>,
    signal,
  );
}

/** Go's `os.ModeDir` and `os.ModeSymlink`, which the engine uses in file modes. */
const folderBit = 0x8000_0000;
const linkBit = 0x0800_0000;

interface PathStat {
  readonly name: string;
  readonly mode: number;
  readonly linkTarget: string;
}

const pathStatHeader = 'x-docker-container-path-stat';
const pathStatValue = object<PathStat>({
  name: string,
  mode: number,
  linkTarget: orElse(string, ''),
});
/** `headers` is a getter of the response, which `object` would not see. */
const pathStatAnswer: Decoder<string> = (value, at) =>
  object<Readonly<Record<typeof pathStatHeader, string>>>({ [pathStatHeader]: string })(
    fields(value, at).headers,
    'headers',
  )[pathStatHeader];

/**
 * Describes a path with `HEAD …/archive`, which returns base64 JSON in a header. A symlink is
 * followed once.
 */
export async function statContainerPath(
  client: EngineClient,
  containerId: string,
  path: string,
  signal: AbortSignal,
): Promise<{ readonly name: string; readonly isFolder: boolean } | undefined> {
  const seen = await pathStat(client, containerId, path, signal);
  if (seen === undefined) return undefined;
  const target =
    Math.floor(seen.mode / linkBit) % 2 === 1 && seen.linkTarget !== ''
      ? await pathStat(client, containerId, seen.linkTarget, signal)
      : seen;
  return { name: seen.name, isFolder: Math.floor((target?.mode ?? 0) / folderBit) % 2 === 1 };
}

async function pathStat(
  client: EngineClient,
  containerId: string,
  path: string,
  signal: AbortSignal,
): Promise<PathStat | undefined> {
  try {
    const operation = `stat ${path} in container ${shortId(containerId)}`;
    const header = await client.call(
      operation,
      decoded(
        pathStatAnswer,
        (docker, abortSignal) =>
          docker.getContainer(containerId).infoArchive({ path, abortSignal }) as Promise<unknown>,
      ),
      signal,
      15_000,
    );
    const text = Buffer.from(header, 'base64').toString();
    return decodeJson(text, pathStatValue, `${operation}: engine answer`);
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
