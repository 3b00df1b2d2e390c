import {
  array,
  dictionary,
  nonEmptyString,
  number,
  object,
  orElse,
  string,
} from '../../../../manager/common/base/decode.js';
import { isNotFound } from '../../../../manager/common/base/errors.js';
import type { EngineImage } from '../../../../manager/common/protocol/worker-calls.js';
import { decoded, type EngineClient } from '../client.js';

const timeoutMs = 15_000;

const namesOrNull = orElse<readonly string[] | null>(array(string), null);
const engineImage = object<EngineImage>({
  Id: nonEmptyString,
  RepoTags: namesOrNull,
  RepoDigests: namesOrNull,
  Created: number,
  Labels: orElse<EngineImage['Labels']>(dictionary(string), null),
});

/** Lists images with `GET /images/json`, without intermediate layers. */
export async function listImages(
  client: EngineClient,
  signal: AbortSignal,
): Promise<readonly EngineImage[]> {
  return await client.call(
    'list images',
    decoded(array(engineImage), (docker, abortSignal) =>
      docker.listImages({ digests: true, abortSignal }),
    ),
    signal,
    timeoutMs,
  );
}

/** The engine's record of an image; undefined if the image is absent. */
export async function inspectImage(
  client: EngineClient,
  image: string,
  signal: AbortSignal,
): Promise<unknown> {
  try {
    return await client.call(
      `inspect image ${image}`,
      (docker) => docker.getImage(image).inspect() as Promise<unknown>,
      signal,
      timeoutMs,
    );
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
