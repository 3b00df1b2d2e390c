import type { EngineClient } from './client.js';
import { shortId } from './containers.js';

/** A path of a container as a tar (`GET …/archive`), its whole file system without one (`GET …/export`). */
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

/** Unpacks a tar into a folder that is there (`PUT …/archive`). */
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
