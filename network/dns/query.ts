import type { QueryScope } from './records.js';
import type { Question } from './wire.js';

/** A query as it passes through the handler chain. */
export interface Query {
  readonly message: Buffer;
  readonly question: Question;
  /** Lower case, without the trailing dot. */
  readonly name: string;
  readonly scope: QueryScope;
  /** Address of the client. */
  readonly client: string;
  readonly transport: 'udp' | 'tcp';
  /** Upstream servers for names outside the cluster. */
  readonly upstreams: readonly string[];
  /** The client's own search domains; empty if it uses the host's. */
  readonly searchDomains: readonly string[];
}

/**
 * Answers the query or calls `next` for the rest of the chain. The result is a complete DNS message
 * with the query's id.
 */
export type DnsHandler = (query: Query, next: () => Promise<Buffer>) => Promise<Buffer> | Buffer;
