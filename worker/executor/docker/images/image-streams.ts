import type {
  CommitOptions,
  RegistryAuth,
  WorkerStreamRequest,
} from '../../../../manager/common/protocol/worker-calls.js';
import { pinnedReference } from '../../../../manager/common/model/trust/image-record.js';
import type { ImagePull } from '../../executor.js';
import { openBuildSession } from './build-session.js';
import { decoded, type EngineClient } from '../client.js';
import { committedId, distributionDigest } from './image-answers.js';
import { toReference } from './reference.js';

export type BuildRequest = Pick<
  Extract<WorkerStreamRequest, { kind: 'build-image' }>,
  'query' | 'auths' | 'secrets'
>;

/** Pulls an image with the user's credentials (`POST /images/create`); returns JSON lines. */
export async function openPull(
  client: EngineClient,
  { image, digest, platform, auth }: ImagePull,
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  const reference = toReference(digest === undefined ? image : pinnedReference(image, digest));
  const options = { ...reference, ...(platform === undefined ? {} : { platform }) };
  return await client.open(
    `pull ${image}`,
    (docker, abortSignal) =>
      auth === undefined
        ? docker.createImage({ ...options, abortSignal })
        : docker.createImage(auth, { ...options, abortSignal }),
    signal,
  );
}

/** Pushes an image (`POST /images/{name}/push`); returns JSON lines. */
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
        // The engine rejects a push without this header, even if it is empty.
        authconfig: auth ?? {},
        abortSignal,
      }),
    signal,
  );
}

/**
 * Resolves an image's digest in its registry (`GET /distribution/{name}/json`) without pulling it.
 */
export async function registryDigest(
  client: EngineClient,
  image: string,
  auth: RegistryAuth | undefined,
  signal: AbortSignal,
): Promise<string> {
  return await client.call(
    `look up image ${image}`,
    decoded(distributionDigest, (docker) =>
      docker.getImage(image).distribution(auth === undefined ? {} : { authconfig: auth }),
    ),
    signal,
    30_000,
  );
}

const commitMs = 600_000;

/** Commits a container to an image (`POST /commit`); returns the image id. */
export async function commitImage(
  client: EngineClient,
  containerId: string,
  { image, author, comment, changes, pause }: CommitOptions,
  signal: AbortSignal,
): Promise<string> {
  const { fromImage, tag } = image === undefined ? {} : toReference(image);
  const named =
    fromImage === undefined ? {} : { repo: fromImage, ...(tag === undefined ? {} : { tag }) };
  return await client.call(
    `commit container ${containerId.slice(0, 12)}`,
    decoded(committedId, (docker) =>
      docker.getContainer(containerId).commit({
        ...named,
        pause,
        ...(author === undefined ? {} : { author }),
        ...(comment === undefined ? {} : { comment }),
        ...(changes.length === 0 ? {} : { changes: changes.join('\n') }),
      }),
    ),
    signal,
    commitMs,
  );
}

/**
 * Builds an image (`POST /build`); returns JSON lines, for version 2 including BuildKit's own
 * status. BuildKit requests secrets and credentials over a session that lives as long as the
 * response.
 */
export async function openBuild(
  client: EngineClient,
  context: NodeJS.ReadableStream,
  { query, auths, secrets = {} }: BuildRequest,
  signal: AbortSignal,
): Promise<NodeJS.ReadableStream> {
  if (query.version !== '2') return await postBuild(client, context, { query, auths }, signal);
  const session = await openBuildSession(client, { auths, secrets }, signal);
  try {
    // A number, because dockerode opens its own session for the string.
    const sessionQuery = { ...query, version: 2, session: session.id };
    const answer = await postBuild(client, context, { query: sessionQuery, auths }, signal);
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
    // dockerode's type lacks some of the parameters.
    (docker) => docker.buildImage(context, options as Parameters<typeof docker.buildImage>[1]),
    signal,
  );
}
