import type { Handler, Query } from './query.js';
import { rcode, refuse } from './wire.js';

/** Asks handlers in order; what none answers fails. */
export function runChain(handlers: readonly Handler[], query: Query): Promise<Buffer> {
  const from = async (index: number): Promise<Buffer> => {
    const handler = handlers[index];
    if (handler === undefined) return refuse(query.message, rcode.serverFailure);
    return handler(query, () => from(index + 1));
  };
  return from(0);
}
