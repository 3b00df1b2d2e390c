import type { Scope } from './records.js';
import type { Question } from './wire.js';

/** A question on its way through the chain. */
export interface Query {
  readonly message: Buffer;
  readonly question: Question;
  /** Lower case, no dot at the end. */
  readonly name: string;
  readonly scope: Scope;
  readonly transport: 'udp' | 'tcp';
  /** Servers to ask for names that are not ours. */
  readonly upstreams: readonly string[];
}

/** Answers, or asks the rest of the chain. The answer is a whole message with the query's id. */
export type Handler = (query: Query, next: () => Promise<Buffer>) => Promise<Buffer> | Buffer;
