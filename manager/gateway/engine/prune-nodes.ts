import { fields } from '../../common/base/decode.js';
import type { Node } from '../../common/model/node.js';
import type { ApiRequest, GatewayContext } from '../context.js';
import type { ApiResponse } from '../response.js';
import { jsonResponse } from '../response.js';
import { mergePruned } from '../translate/image.js';
import { askAll } from './fan-out.js';
import { passOn } from './pass-request.js';

const pruneMs = 10 * 60_000;

/** Passes a prune on to each node's engine and adds up the answers, whose list is under `key`. */
export async function pruneNodes(
  context: GatewayContext,
  request: ApiRequest,
  { nodes, key }: { readonly nodes: readonly Node[]; readonly key: string },
): Promise<ApiResponse> {
  const answers = await askAll(context, nodes, {
    call: passOn(request),
    decoder: fields,
    signal: request.signal,
    timeoutMs: pruneMs,
    isFatal: ({ kind }) => kind === 'invalid',
  });
  return jsonResponse(
    mergePruned(
      answers.map(({ value }) => value),
      key,
    ),
  );
}
