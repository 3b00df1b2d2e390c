import {
  decode,
  isFields,
  object,
  optional,
  string,
  type Fields,
} from '../../common/base/decode.js';
import { parseImageTag } from '../../common/model/trust/image-tag.js';
import type { RegistryAuth } from '../../common/protocol/worker-calls.js';
import type { ApiRequest, GatewayContext } from '../context.js';
import type { EngineCall } from '../engine/pass-request.js';
import { passOn } from '../engine/pass-request.js';

/** An image that was pulled; with the digest that all nodes have pulled in place of its tag. */
export interface PulledImage {
  readonly image: string;
  readonly digest?: string;
}

const registryAuth = object<RegistryAuth>({
  username: optional(string),
  password: optional(string),
  identitytoken: optional(string),
  serveraddress: optional(string),
});

/**
 * Chooses the digest that all nodes pull, with the client's credentials. Without one, if the registry
 * does not answer or the client asks for all tags, nodes pull what the client asked for.
 */
export async function pinPull(
  { control, log }: GatewayContext,
  request: ApiRequest,
  image: string,
): Promise<PulledImage> {
  if (parseImageTag(image).tag === undefined) return { image };
  const auth = credentialsOf(request.distinctHeaders['x-registry-auth']?.[0]);
  const args = { image, refresh: true, ...(auth === undefined ? {} : { auth }) };
  const { digest, problem } = await control('image.pin', args, request);
  if (problem !== undefined) log.info(`image ${image}: not pinned: ${problem}`);
  return digest === undefined ? { image } : { image, digest };
}

/** The engines' request for a pull. */
export function pullCall(request: ApiRequest, { image, digest }: PulledImage): EngineCall {
  if (digest === undefined) return passOn(request);
  const query = new URLSearchParams(request.query);
  query.set('fromImage', parseImageTag(image).name);
  query.set('tag', digest);
  return passOn({ ...request, query });
}

/** The engines' request that gives a pulled digest the name that the client asked for. */
export function tagCall(
  { apiMinor }: ApiRequest,
  { image, digest }: Required<PulledImage>,
): EngineCall {
  const { name, tag = 'latest' } = parseImageTag(image);
  const query = new URLSearchParams({ repo: name, tag }).toString();
  return { method: 'POST', path: `/images/${name}@${digest}/tag?${query}`, apiMinor };
}

/** The record in the header of the Engine API; undefined if it cannot be read. */
function authRecord(header: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(Buffer.from(header, 'base64url').toString('utf8'));
    return isFields(value) ? value : undefined;
  } catch {
    // The engine judges the header of the pull itself.
    return undefined;
  }
}

const secretKeys = ['username', 'password', 'auth', 'identitytoken', 'registrytoken'];

/** Whether a header has credentials: clients without a login send an empty record. */
export function hasCredentials(header: string): boolean {
  const record = authRecord(header) ?? {};
  return secretKeys.some((key) => typeof record[key] === 'string' && record[key] !== '');
}

/** Decodes the header of the Engine API; undefined without credentials that can be read. */
function credentialsOf(header: string | undefined): RegistryAuth | undefined {
  if (header === undefined || !hasCredentials(header)) return undefined;
  try {
    return decode(authRecord(header), registryAuth, 'x-registry-auth');
  } catch {
    // As above.
    return undefined;
  }
}
