import type { Decoder } from '../../common/base/decode.js';
import { decode } from '../../common/base/decode.js';
import { AppError, isAppError, toAppError } from '../../common/base/errors.js';
import type { Node } from '../../common/model/node.js';
import type { GatewayContext } from '../context.js';
import type { EngineCall } from './pass-request.js';
import { askJson } from './pass-request.js';

/** Deadline for each node. Short, since clients list images as part of other commands. */
export const nodeTimeoutMs = 3_000;

/** Nodes with a worker and an engine that answer, by name. */
export function readyNodes({ store }: Pick<GatewayContext, 'store'>): readonly Node[] {
  return store.view
    .list('nodes')
    .filter(({ status }) => status.state === 'ready')
    .sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
}

/**
 * The node for work that any engine can do, such as a build: always the same one while it is ready,
 * since a build needs several requests. Throws `unavailable` if there is none.
 */
export function workNode(context: Pick<GatewayContext, 'store'>): Node {
  const ready = readyNodes(context);
  const node = ready.find(({ spec }) => spec.availability === 'active') ?? ready[0];
  if (node !== undefined) return node;
  throw new AppError('unavailable', 'no ready node; check "shoal node ls"');
}

export interface NodeAnswer<T = unknown> {
  readonly node: Node;
  readonly value: T;
}

/**
 * Sends the request to all nodes. Leaves out nodes that do not answer in time, or whose answer
 * `decoder` rejects: the log names those. Throws the first error if no node has answered, or any
 * that `isFatal` selects.
 */
export async function askAll<T>(
  context: Pick<GatewayContext, 'workers' | 'log'>,
  nodes: readonly Node[],
  {
    call,
    decoder,
    signal,
    timeoutMs = nodeTimeoutMs,
    isFatal = () => false,
  }: {
    readonly call: EngineCall;
    readonly decoder: Decoder<T>;
    readonly signal: AbortSignal;
    readonly timeoutMs?: number;
    readonly isFatal?: (error: AppError) => boolean;
  },
): Promise<readonly NodeAnswer<T>[]> {
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
  const results = await Promise.all(
    nodes.map(async (node): Promise<NodeAnswer<T> | AppError> => {
      try {
        const value = await askJson(context.workers, node.id, call, deadline);
        return { node, value: decodeAnswer(context, node, value, { call, decoder }) };
      } catch (error) {
        const { kind, message } = toAppError(error);
        return new AppError(
          kind,
          // A node that cannot read the request says nothing of itself.
          nodes.length === 1 || kind === 'invalid' ? message : `node ${node.spec.name}: ${message}`,
        );
      }
    }),
  );
  const errors = results.filter(isAppError);
  const answers = results.flatMap((each) => (isAppError(each) ? [] : [each]));
  const failure = errors.find(isFatal) ?? (answers.length === 0 ? errors[0] : undefined);
  if (failure !== undefined) throw failure;
  return answers;
}

/** Throws `unavailable` for a malformed answer: it says nothing of the client's request. */
function decodeAnswer<T>(
  { log }: Pick<GatewayContext, 'log'>,
  node: Node,
  value: unknown,
  { call, decoder }: { readonly call: EngineCall; readonly decoder: Decoder<T> },
): T {
  const [path = ''] = call.path.split('?');
  try {
    return decode(value, decoder, `node ${node.spec.name}: answer to ${call.method} ${path}`);
  } catch (error) {
    const { message } = toAppError(error);
    log.warn(message);
    throw new AppError('unavailable', message, { cause: error });
  }
}
