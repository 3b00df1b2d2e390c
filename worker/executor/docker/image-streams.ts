import type {
  CommitOptions,
  RegistryAuth,
  WorkerStreamRequest,
} from '../../../manager/common/protocol/worker-calls.js';
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

/** `GET /distribution/{name}/json`: the registry is asked, nothing is pulled. */
export async function digestOf(
  client: EngineClient,
  image: string,
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<string> {
  const seen = (await client.call(
    `look up image ${image}`,
    (docker) => docker.getImage(image).distribution(auth === undefined ? {} : { authconfig: auth }),
    signal,
    30_000,
  )) as { readonly Descriptor: { readonly digest: string } };
  return seen.Descriptor.digest;
}

const commitMs = 600_000;

/** `POST /commit`. */
export async function commitImage(
  client: EngineClient,
  containerId: string,
  { image, author, comment, changes, pause }: CommitOptions,
  signal: AbortSignal,
): Promise<string> {
  const { fromImage, tag } = image === undefined ? {} : toReference(image);
  const named =
    fromImage === undefined ? {} : { repo: fromImage, ...(tag === undefined ? {} : { tag }) };
  const made = (await client.call(
    'make an image of a container',
    (docker) =>
      docker.getContainer(containerId).commit({
        ...named,
        pause,
        ...(author === undefined ? {} : { author }),
        ...(comment === undefined ? {} : { comment }),
        ...(changes.length === 0 ? {} : { changes: changes.join('\n') }),
      }),
    signal,
    commitMs,
  )) as { readonly Id: string };
  return made.Id;
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
