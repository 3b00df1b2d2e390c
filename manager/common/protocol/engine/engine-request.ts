import {
  array,
  dictionary,
  integer,
  nonEmptyString,
  object,
  oneOf,
  optional,
  string,
} from '../../base/decode.js';
import type { Decoder } from '../../base/decode.js';
import { branded } from '../../base/decode.js';
import type { TaskId } from '../../model/ids.js';

/** Stands for the container of `taskId` in the path of a request. */
export const containerPlaceholder = ':container';

/** A Docker client's request that a node's engine answers unchanged. */
export interface EngineRequest {
  readonly method: 'GET' | 'HEAD' | 'POST' | 'PUT' | 'DELETE';
  /** Percent-encoded path with query, without the version. */
  readonly path: string;
  /** API version of the client: 1.<minor>. The engine's own is used if it is older. */
  readonly apiMinor: number;
  readonly headers: Readonly<Record<string, readonly string[]>>;
  /** Protocol of a connection upgrade, such as `h2c`. */
  readonly upgrade?: string;
  readonly taskId?: TaskId;
}

/** First message of the answer: what the engine sent before the body. */
export interface EngineAnswerHead {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
}

export const engineRequest: Decoder<EngineRequest> = object<EngineRequest>({
  method: oneOf('GET', 'HEAD', 'POST', 'PUT', 'DELETE'),
  path: nonEmptyString,
  apiMinor: integer,
  headers: dictionary(array(string)),
  upgrade: optional(nonEmptyString),
  taskId: optional(branded<TaskId>()),
});

export const engineAnswerHead: Decoder<EngineAnswerHead> = object<EngineAnswerHead>({
  status: integer,
  headers: dictionary(string),
});

/**
 * Requests that a worker passes to its engine. Containers are reached only through their task, so
 * that the manager cannot name one outside the cluster.
 */
const permitted: readonly (readonly [methods: string, path: RegExp])[] = [
  ['GET', /^\/images\/(?:json|search|get|[^?]+\/(?:json|history|get))$/u],
  ['POST', /^\/images\/(?:create|load|prune|[^?]+\/(?:push|tag))$/u],
  ['DELETE', /^\/images\/[^?]+$/u],
  ['GET', /^\/distribution\/[^?]+\/json$/u],
  ['GET', /^\/(?:system\/df|plugins)$/u],
  ['POST', /^\/(?:auth|build|build\/prune|build\/cancel|session|grpc|commit)$/u],
  ['GET', /^\/containers\/:container\/(?:json|top|changes|export|stats|logs|archive)$/u],
  ['HEAD PUT', /^\/containers\/:container\/archive$/u],
  ['POST', /^\/containers\/:container\/(?:attach|rename|resize|update)$/u],
];

/** True if a worker may pass the request to its engine. */
export function isPermittedRequest({
  method,
  path,
}: Pick<EngineRequest, 'method' | 'path'>): boolean {
  const [plain = ''] = path.split('?');
  // The engine resolves these before it routes the request.
  if (/(?:^|\/)(?:\.|%2e){1,2}(?:\/|$)|\/\/|[\r\n\s]/iu.test(plain)) return false;
  return permitted.some(
    ([methods, pattern]) => methods.split(' ').includes(method) && pattern.test(plain),
  );
}
