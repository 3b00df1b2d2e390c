import { AppError } from '../../common/base/errors.js';
import type { ServiceSpec } from '../../common/model/service.js';
import { parseImageTag } from '../../common/model/trust/image-tag.js';
import type { ApiRequest, GatewayContext } from '../context.js';
import { pullImage } from '../handlers/image-transfers.js';
import { hasCredentials } from '../images/pinned-pull.js';
import type { ApiResponse } from '../response.js';
import { ProgressFailure } from '../translate/progress-lines.js';

/**
 * Pulls a service's image with the client's credentials (`--with-registry-auth`), before the service
 * is created. Other nodes copy it, so that no credentials are stored. Without credentials, each node
 * pulls for itself. Throws the engine's error.
 */
export async function pullForService(
  context: GatewayContext,
  request: ApiRequest,
  { task }: ServiceSpec,
): Promise<void> {
  const [header] = request.distinctHeaders['x-registry-auth'] ?? [];
  if (header === undefined || !hasCredentials(header)) return;
  const { image } = task.container;
  const answer = await pullImage(context, {
    ...request,
    ...{ method: 'POST', path: '/images/create', query: pullQuery(image) },
    distinctHeaders: { 'x-registry-auth': [header] },
  });
  await requireSuccess(image, answer, request.signal);
}

/** The parameters of a pull; an image without tag and digest means `latest`. */
function pullQuery(image: string): URLSearchParams {
  const { tag, digest } = parseImageTag(image);
  const hasVersion = tag !== undefined || digest !== undefined;
  return new URLSearchParams({ fromImage: hasVersion ? image : `${image}:latest` });
}

/** Reads the progress to its end. Throws `invalid` with its last error. */
async function requireSuccess(
  image: string,
  answer: ApiResponse,
  signal: AbortSignal,
): Promise<void> {
  if (answer.kind !== 'stream') return;
  const progress = new ProgressFailure();
  await answer.pour({
    signal,
    send: (chunk) => {
      progress.push(chunk);
      return Promise.resolve();
    },
  });
  const failure = progress.end();
  if (failure !== undefined) throw new AppError('invalid', `image ${image}: ${failure}`);
}
