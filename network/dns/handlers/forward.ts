import type { Handler, Query } from '../query.js';
import type { Exchange } from '../upstream.js';
import { rcode, rcodeOf, readdress, refuse } from '../wire.js';

/** All tries together end before the usual 5 s a resolver waits. */
const triesTotalMs = 4_000;
const triesPerServer = 2;
const maxInFlight = 512;

/**
 * Asks the servers in their order, over UDP or, where the asker came by TCP, over TCP; the answer goes back
 * as it came, EDNS and all. Busy beyond `maxInFlight`, or nobody answers: "server failure".
 */
export function forwardHandler(exchange: Exchange): Handler {
  let inFlight = 0;
  return async (query) => {
    if (inFlight >= maxInFlight || query.upstreams.length === 0)
      return refuse(query.message, rcode.serverFailure);
    inFlight += 1;
    try {
      return await ask(query, exchange);
    } finally {
      inFlight -= 1;
    }
  };
}

async function ask(query: Query, exchange: Exchange): Promise<Buffer> {
  const { message, question, upstreams, transport } = query;
  const servers = Array.from({ length: triesPerServer }, () => upstreams).flat();
  const tryMs = Math.max(500, Math.floor(triesTotalMs / servers.length));
  let failure: Buffer | undefined;
  const startedWith = servers.slice(0, Math.floor(triesTotalMs / tryMs));
  for (const server of startedWith) {
    const answer = await exchange(server, message, transport, tryMs).catch(() => undefined);
    if (answer === undefined) continue;
    const code = rcodeOf(answer);
    if (code === rcode.noError || code === rcode.nameError)
      return readdress(answer, message, question);
    failure ??= readdress(answer, message, question);
  }
  return failure ?? refuse(message, rcode.serverFailure);
}
