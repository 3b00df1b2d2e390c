import type { DnsHandler, Query } from './query.js';
import { rcode, errorResponse } from './wire.js';

/** Runs the handlers in order; answers SERVFAIL if none of them answers. */
export function runChain(handlers: readonly DnsHandler[], query: Query): Promise<Buffer> {
  const callFrom = async (index: number): Promise<Buffer> => {
    const handler = handlers[index];
    if (handler === undefined) return errorResponse(query.message, rcode.serverFailure);
    return handler(query, () => callFrom(index + 1));
  };
  return callFrom(0);
}
