import type { Readable } from 'node:stream';
import type { SshPrompts } from './transport/prompts.js';

export interface SshTarget {
  /** The machine's name in messages. */
  readonly name: string;
  /** An address, or a Host of ssh's configuration. */
  readonly host: string;
  readonly port: number;
  readonly user: string;
  /** Path of the one key to offer, private or public; undefined to leave the choice to ssh. */
  readonly keyPath?: string | undefined;
  /** The pinned host key as `SHA256:…`; undefined at first contact. */
  readonly hostKey?: string | undefined;
  /** The pinned host key itself, `type blob`, if it is known. */
  readonly publicHostKey?: string | undefined;
}

export interface SshConnectOptions {
  /** Not counting the time of questions to the user. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal | undefined;
  /** Answers passphrases and passwords; without it ssh asks nobody. */
  readonly prompts?: SshPrompts | undefined;
  readonly env?: NodeJS.ProcessEnv | undefined;
}

export interface SshExecOptions {
  readonly timeoutMs?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly stdin?: string | Buffer | Readable | undefined;
  /** Called with each chunk of standard output and standard error. */
  readonly onOutput?: ((text: string) => void) | undefined;
}

export interface SshExecResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}
