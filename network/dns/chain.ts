import type { Handler, Query } from './query.js';
import { rcode, refuse } from './wire.js';

/** Runs the handlers in order; answers SERVFAIL if none of them answers. */
export function runChain(handlers: readonly Handler[], query: Query): Promise<Buffer> {
  const callFrom = async (index: number): Promise<Buffer> => {
    const handler = handlers[index];
    if (handler === undefined) return refuse(query.message, rcode.serverFailure);
    return handler(query, () => callFrom(index + 1));
  };
  return callFrom(0);
}
