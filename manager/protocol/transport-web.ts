import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';

/** Requests of another protocol than ours on the same port; whoever answers writes HTTP himself. */
export interface WebOptions<Identity> {
  readonly serves: (path: string) => boolean;
  /** What is thrown before anything was written becomes its status and `{kind, message}`. */
  readonly answer: (request: WebRequest<Identity>) => Promise<void>;
  /** Somebody wants the connection for a protocol of his own. */
  readonly upgrade: (request: WebUpgrade<Identity>) => Promise<void>;
}

export interface WebRequest<Identity> {
  readonly identity: Identity;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Read when asked for; asked again it is the same. A large one is `invalid`. */
  readonly body: () => Promise<Buffer>;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

export interface WebUpgrade<Identity> {
  readonly identity: Identity;
  readonly request: IncomingMessage;
  readonly socket: Duplex;
  /** What the client has sent after its headers. */
  readonly head: Buffer;
  /** To be called before the first byte is written: what is thrown later only ends the connection. */
  readonly taken: () => void;
}
