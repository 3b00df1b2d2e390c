import { isFields } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import type { ServiceSpec } from '../../common/model/service.js';
import type { ApiRequest, GatewayContext } from '../context.js';
import { pullImage } from '../handlers/image-transfers.js';
import type { ApiResponse } from '../response.js';

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
  const header = request.headers['x-registry-auth'];
  if (typeof header !== 'string' || !hasCredentials(header)) return;
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
  const hasVersion = image.includes('@') || /:[^/]+$/u.test(image);
  return new URLSearchParams({ fromImage: hasVersion ? image : `${image}:latest` });
}

/** Whether a header has credentials: clients send an empty record without a login. */
function hasCredentials(header: string): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString());
    if (!isFields(value)) return false;
    return ['username', 'password', 'auth', 'identitytoken', 'registrytoken'].some(
      (key) => typeof value[key] === 'string' && value[key] !== '',
    );
  } catch {
    return false;
  }
}

/** Reads the progress to its end; its last error is that of the pull. */
async function requireSuccess(
  image: string,
  answer: ApiResponse,
  signal: AbortSignal,
): Promise<void> {
  if (answer.kind !== 'stream') return;
  let failure = '';
  await answer.pour({
    signal,
    send: (chunk) => {
      failure =
        errorIn(String(chunk instanceof Uint8Array ? Buffer.from(chunk) : chunk)) ?? failure;
      return Promise.resolve();
    },
  });
  if (failure !== '') throw new AppError('invalid', `image ${image}: ${failure}`);
}

function errorIn(text: string): string | undefined {
  return /"error":"((?:[^"\\]|\\.)*)"/u.exec(text)?.[1];
}
