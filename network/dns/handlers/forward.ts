import type { DnsHandler, Query } from '../query.js';
import type { Exchange } from '../upstream.js';
import { rcode, rcodeOf, copyForClient, errorResponse } from '../wire.js';

/** All attempts together end before the 5 s that resolvers usually wait. */
const totalTimeoutMs = 4_000;
const attemptsPerServer = 2;

/**
 * Forwards the query to the upstream servers in order, over UDP, or over TCP if the client used
 * TCP. The answer is returned unchanged, including EDNS. Answers SERVFAIL when no server answers.
 */
export function forwardHandler(exchange: Exchange): DnsHandler {
  return async (query) =>
    query.upstreams.length === 0
      ? errorResponse(query.message, rcode.serverFailure)
      : await ask(query, exchange);
}

async function ask(query: Query, exchange: Exchange): Promise<Buffer> {
  const { message, question, upstreams, transport } = query;
  const servers = Array.from({ length: attemptsPerServer }, () => upstreams).flat();
  const attemptTimeoutMs = Math.max(500, Math.floor(totalTimeoutMs / servers.length));
  let failure: Buffer | undefined;
  const attempts = servers.slice(0, Math.floor(totalTimeoutMs / attemptTimeoutMs));
  for (const server of attempts) {
    const answer = await exchange(server, message, transport, attemptTimeoutMs).catch(
      () => undefined,
    );
    if (answer === undefined) continue;
    const code = rcodeOf(answer);
    if (code === rcode.noError || code === rcode.nameError)
      return copyForClient(answer, message, question);
    failure ??= copyForClient(answer, message, question);
  }
  return failure ?? errorResponse(message, rcode.serverFailure);
}
