import { AppError } from '../../common/base/errors.js';
import { decodeJson } from '../../common/base/decode.js';
import type { NodeId, TaskId } from '../../common/model/ids.js';
import type {
  EngineAnswerHead,
  EngineRequest,
} from '../../common/protocol/engine/engine-request.js';
import { engineAnswerHead } from '../../common/protocol/engine/engine-request.js';
import { engineErrorKind, engineErrorText } from '../../common/protocol/engine/engine-error.js';
import { decodeStreamFrame, encodeStreamFrame } from '../../common/protocol/frames.js';
import type { MessageStream, WorkerCalls } from '../../common/protocol/worker-calls.js';
import type { ApiRequest } from '../context.js';
import type { ApiResponse, Terminal } from '../response.js';

/** An engine's answer; `body` must be read or `close` called. */
export interface EngineReply extends EngineAnswerHead {
  readonly body: AsyncIterable<Uint8Array>;
  readonly close: () => void;
}

export interface EngineCall {
  readonly method: EngineRequest['method'];
  /** Percent-encoded path with query, without the version. */
  readonly path: string;
  readonly apiMinor: number;
  readonly headers?: EngineRequest['headers'];
  readonly upgrade?: string;
  readonly taskId?: TaskId;
  readonly body?: AsyncIterable<Uint8Array>;
}

type Target = Pick<WorkerCalls, 'open'>;

/**
 * Sends a request to a node's engine; resolves with the head of the answer. Throws `unavailable` if
 * the node or its engine does not answer.
 */
export async function askEngine(
  workers: Target,
  nodeId: NodeId,
  call: EngineCall,
  signal: AbortSignal,
): Promise<EngineReply> {
  const { stream, messages, head } = await open(workers, nodeId, call, signal);
  void sendAll(stream, call.body ?? noBody());
  const close = (): void => {
    stream.close();
  };
  try {
    return { ...(await head()), body: bytesOf(messages, close), close };
  } catch (error) {
    close();
    throw error;
  }
}

interface OpenedRequest {
  readonly stream: MessageStream;
  readonly messages: AsyncIterator<string | Uint8Array>;
  readonly head: () => Promise<EngineAnswerHead>;
}

async function open(
  workers: Target,
  nodeId: NodeId,
  { body: _body, headers = {}, ...request }: EngineCall,
  signal: AbortSignal,
): Promise<OpenedRequest> {
  const { stream } = await workers.open(nodeId, { kind: 'engine', headers, ...request }, signal);
  signal.addEventListener(
    'abort',
    () => {
      stream.close();
    },
    { once: true },
  );
  const messages = stream[Symbol.asyncIterator]();
  const head = async (): Promise<EngineAnswerHead> => {
    const first = await messages.next();
    if (first.done === true)
      throw new AppError('unavailable', `node ${nodeId}: closed the request`);
    if (typeof first.value === 'string') {
      return decodeJson(first.value, engineAnswerHead, 'engine answer');
    }
    const frame = decodeStreamFrame(first.value);
    throw new AppError('unavailable', Buffer.from(frame?.data ?? []).toString());
  };
  return { stream, messages, head };
}

async function* noBody(): AsyncGenerator<Uint8Array> {
  // Yields nothing.
}

/** Sends the body and its end. A lost connection shows in the answer. */
async function sendAll(stream: MessageStream, body: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const chunk of body) {
      if (chunk.length > 0) await stream.send(encodeStreamFrame('stdin', chunk));
    }
    await stream.send(encodeStreamFrame('stdin', ''));
  } catch {
    stream.close();
  }
}

async function* bytesOf(
  messages: AsyncIterator<string | Uint8Array>,
  close: () => void,
): AsyncGenerator<Uint8Array> {
  try {
    for (;;) {
      const next = await messages.next();
      const frame =
        next.done === true || typeof next.value === 'string'
          ? undefined
          : decodeStreamFrame(next.value);
      if (frame?.channel === 'exit') return;
      if (frame?.channel !== 'stdout') {
        const reason = Buffer.from(frame?.data ?? []).toString();
        throw new AppError('unavailable', `engine answer: ended early ${reason}`.trim());
      }
      yield frame.data;
    }
  } finally {
    close();
  }
}

/** Maximum size of a JSON answer that is read as a whole, bytes. */
const maxJsonBytes = 64 * 1024 * 1024;

async function wholeText({ body }: EngineReply): Promise<string> {
  const parts: Uint8Array[] = [];
  let bytes = 0;
  for await (const part of body) {
    bytes += part.length;
    if (bytes > maxJsonBytes) throw new AppError('unavailable', 'engine answer: is too large');
    parts.push(part);
  }
  return Buffer.concat(parts).toString();
}

/** Undefined if the text is not JSON. */
function tryParse(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

/** The engine's error with its own message. */
async function errorOf(reply: EngineReply): Promise<AppError> {
  const text = await wholeText(reply);
  return new AppError(
    engineErrorKind(reply.status),
    engineErrorText(tryParse(text)) ?? text.trim(),
  );
}

/** The reply if its status is a success; else throws the engine's error. */
export async function successful(reply: EngineReply): Promise<EngineReply> {
  if (reply.status < 400) return reply;
  throw await errorOf(reply);
}

/** Asks for a JSON answer, null if it is empty. Throws the engine's error. */
export async function askJson(
  workers: Target,
  nodeId: NodeId,
  call: EngineCall,
  signal: AbortSignal,
): Promise<unknown> {
  const text = await wholeText(await successful(await askEngine(workers, nodeId, call, signal)));
  return text.trim() === '' ? null : (JSON.parse(text) as unknown);
}

/** Passes an engine's answer on to the client. */
export function toResponse({ status, headers, body }: EngineReply): ApiResponse {
  if (status === 204 || status === 304) return { kind: 'empty', status };
  const { 'content-type': contentType = 'application/json', ...rest } = headers;
  return {
    ...{ kind: 'stream', contentType, status, headers: rest },
    pour: async (sink) => {
      for await (const chunk of body) await sink.send(chunk);
    },
  };
}

/** Connects the client's upgraded connection with one of a node's engine. */
export async function tunnelUpgrade(
  workers: Target,
  nodeId: NodeId,
  call: EngineCall,
  signal: AbortSignal,
): Promise<ApiResponse> {
  const { stream, messages, head } = await open(workers, nodeId, call, signal);
  const close = (): void => {
    stream.close();
  };
  let contentType = 'application/octet-stream';
  try {
    const { status, headers } = await head();
    contentType = headers['content-type'] ?? contentType;
    if (status !== 101) {
      throw await errorOf({ status, headers, body: bytesOf(messages, close), close });
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    ...{ kind: 'hijack', contentType },
    protocol: call.upgrade ?? 'tcp',
    converse: async (terminal: Terminal) => {
      terminal.signal.addEventListener('abort', close, { once: true });
      void sendAll(stream, terminal.input);
      for await (const chunk of bytesOf(messages, close)) await terminal.send(chunk);
    },
  };
}

/** Request headers that an engine needs: content, credentials, build session. */
const passedHeader =
  /^(?:content-type|content-length|content-encoding|x-registry-(?:auth|config)|x-docker-.*|accept)$/u;

/** The client's request for an engine, with another path if one is given. */
export function passOn(request: ApiRequest, path?: string): EngineCall {
  const { query, apiMinor, method, distinctHeaders } = request;
  const text = query.toString();
  return {
    method: methodOf(method),
    path: path ?? `${encodePath(request.path)}${text === '' ? '' : `?${text}`}`,
    apiMinor,
    headers: Object.fromEntries(
      Object.entries(distinctHeaders).flatMap(([name, values]) =>
        values !== undefined && passedHeader.test(name) ? [[name, values]] : [],
      ),
    ),
  };
}

function encodePath(path: string): string {
  return path
    .split('/')
    .map(encodeURIComponent)
    .join('/')
    .replaceAll('%3A', ':')
    .replaceAll('%40', '@');
}

function methodOf(method: string): EngineRequest['method'] {
  const known = (['GET', 'HEAD', 'POST', 'PUT', 'DELETE'] as const).find((each) => each === method);
  if (known === undefined) throw new AppError('not-found', 'page not found');
  return known;
}
