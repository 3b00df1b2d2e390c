import type { DnsHandler } from '../query.js';
import { errorResponse, noRecords, rcode, respond } from '../wire.js';

/** External queries in progress on this node. */
const maxInFlight = 512;
/** Queries that every client may have in progress, however many clients there are. */
const minShare = 8;

/**
 * Decides which queries for names outside the cluster may leave the node; the rest of the chain
 * resolves them. A client whose networks are all internal gets NXDOMAIN: names carry data out, and
 * TXT records carry data in. Of the queries in progress, each client has a share that shrinks with
 * the number of clients, at most half, so that one client cannot stop the others; a query above
 * the share gets SERVFAIL.
 */
export function externalHandler(): DnsHandler {
  const inFlight = new Map<string, number>();
  let total = 0;
  return async (query, next) => {
    const { message, question, scope, client } = query;
    if (!scope.external) return respond(message, question, noRecords(rcode.nameError), 0);
    const own = inFlight.get(client) ?? 0;
    const clients = inFlight.size + (own === 0 ? 1 : 0);
    const share = Math.max(minShare, Math.floor(maxInFlight / (clients + 1)));
    if (total >= maxInFlight || own >= share) return errorResponse(message, rcode.serverFailure);
    total += 1;
    inFlight.set(client, own + 1);
    try {
      return await next();
    } finally {
      total -= 1;
      const left = (inFlight.get(client) ?? 1) - 1;
      if (left === 0) inFlight.delete(client);
      else inFlight.set(client, left);
    }
  };
}
