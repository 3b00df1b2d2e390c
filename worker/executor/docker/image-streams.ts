import type { RegistryAuth, WorkerStreamRequest } from '../../../manager/protocol/worker-calls.js';
import type { ImagePull } from '../executor.js';
import { openSession } from './build-session.js';
import type { EngineClient } from './client.js';
import { toReference } from './images.js';

export type BuildRequest = Pick<
  Extract<WorkerStreamRequest, { kind: 'build-image' }>,
  'query' | 'auths' | 'secrets'
>;

/** `POST /images/create` with the user's credentials; the answer is JSON lines. */
export async function openPull(
  client: EngineClient,
  { image, platform, auth }: ImagePull,
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  const options = { ...toReference(image), ...(platform === undefined ? {} : { platform }) };
  return await client.open(
    `pull ${image}`,
    (docker, abortSignal) =>
      auth === undefined
        ? docker.createImage({ ...options, abortSignal })
        : docker.createImage(auth, { ...options, abortSignal }),
    signal,
  );
}

/** `POST /images/{name}/push`; the answer is JSON lines. */
export async function openPush(
  client: EngineClient,
  image: string,
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  const { fromImage, tag } = toReference(image);
  return await client.open(
    `push ${image}`,
    (docker, abortSignal) =>
      docker.getImage(fromImage).push({
        ...(tag === undefined ? {} : { tag }),
        // The engine refuses a push without this header, be it empty.
        authconfig: auth ?? {},
        abortSignal,
      }),
    signal,
  );
}

/**
 * `POST /build`; the answer is JSON lines, for version 2 with BuildKit's own status among them. BuildKit gets
 * secrets and credentials when it asks for them, over a session that lives as long as the answer.
 */
export async function openBuild(
  client: EngineClient,
  context: NodeJS.ReadableStream,
  { query, auths, secrets = {} }: BuildRequest,
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  if (query.version !== '2') return await postBuild(client, context, { query, auths }, signal);
  const session = await openSession(client, { auths, secrets }, signal);
  try {
    // As a number: for the text the library would open a session of its own.
    const own = { ...query, version: 2, session: session.id };
    const answer = await postBuild(client, context, { query: own, auths }, signal);
    answer.once('close', session.close);
    return answer;
  } catch (error) {
    session.close();
    throw error;
  }
}

async function postBuild(
  client: EngineClient,
  context: NodeJS.ReadableStream,
  { query, auths }: BuildRequest,
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  const options = { ...query, registryconfig: auths, abortSignal: signal };
  return await client.open(
    'build an image',
    // The library's type knows only some of the parameters.
    (docker) => docker.buildImage(context, options as Parameters<typeof docker.buildImage>[1]),
    signal,
  );
}
