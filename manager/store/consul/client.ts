import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { setTimeout } from 'node:timers/promises';
import Consul from 'consul';
import type { Decoder } from '../../common/base/decode.js';
import {
  array,
  count,
  decode,
  mustBe,
  nonEmptyString,
  nullable,
  object,
  optional,
  orElse,
  string,
} from '../../common/base/decode.js';
import { AppError, messageOf } from '../../common/base/errors.js';
import type { ConsulAddress } from '../../common/model/discovery.js';
import { verifiedTls } from '../../common/protocol/transport-tls.js';
import { isUnknownOutcome, toConsulError, isSafeToRetry, UnknownOutcomeError } from './errors.js';

/**
 * Default limits of Consul 1.x: operations of a transaction, bytes of its request (JSON with
 * base64).
 */
export const maxOperations = 64;
export const maxRequestBytes = 524_288;

export type KvOperation =
  | {
      readonly verb: 'cas' | 'set';
      readonly key: string;
      readonly value: Buffer;
      readonly flags?: number;
      /** For `cas`: the required ModifyIndex of the key; 0 if the key must not exist. */
      readonly index?: number;
    }
  | { readonly verb: 'delete-cas' | 'check-index'; readonly key: string; readonly index: number }
  | { readonly verb: 'delete'; readonly key: string };

export interface KvEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly flags: number;
  /** Index of the key's last change (ModifyIndex). */
  readonly index: number;
  readonly session: string | undefined;
}

interface RawEntry {
  readonly Key: string;
  readonly Value: Buffer | null;
  readonly Flags: number;
  readonly ModifyIndex: number;
  readonly Session?: string | undefined;
}

const bytes: Decoder<Buffer> = (value, at) => {
  if (!Buffer.isBuffer(value)) throw mustBe(at, 'bytes');
  return value;
};

const rawEntry = object<RawEntry>({
  Key: string,
  Value: nullable(bytes),
  Flags: count,
  ModifyIndex: count,
  Session: optional(string),
});
const rawEntries = array(rawEntry);

interface TransactionResult {
  readonly KV?: Pick<RawEntry, 'Key' | 'ModifyIndex'>;
}

const transactionResult = object<TransactionResult>({
  KV: optional(object({ Key: string, ModifyIndex: count })),
});
const transactionAnswer = object({ Results: orElse(array(transactionResult), []) });

const agentSelf = object({ Config: object({ Version: nonEmptyString }) });

/** Request options of the library, including those missing from its types. */
type Options = Readonly<Record<string, unknown>>;

/** The part of the client that a store uses. */
export type KvClient = Pick<
  ConsulClient,
  'checkVersion' | 'transact' | 'get' | 'list' | 'keys' | 'close'
>;

/** Minimum Consul version: the first with the limits above. */
const minVersion = { major: 1, minor: 7 };

const writeTimeoutMs = 5_000;
const readTimeoutMs = 60_000;

/** Time to retry unreachable servers in rotation, and the pause between rounds. */
const retryMs = 3_000;
const roundPauseMs = 250;

/** Time as retries see it, injected so that tests need not wait. */
export interface RetryTimer {
  /** Monotonic time, ms. */
  elapsed(): number;
  pause(delayMs: number): Promise<unknown>;
}

const systemTimer: RetryTimer = {
  elapsed: () => performance.now(),
  pause: (delayMs) => setTimeout(delayMs),
};

/**
 * Consul client. Each call goes to the server that answered last. A request that was certainly not
 * executed is retried at the next server for about 3 s, which covers a leader election of Consul.
 * Throws AppErrors: `unavailable`, `conflict`, `forbidden`, `invalid`; a write with an unknown
 * outcome throws `UnknownOutcomeError`.
 */
export class ConsulClient {
  readonly #servers: readonly { readonly name: string; readonly consul: Consul }[];
  readonly #timer: RetryTimer;
  #at = 0;
  /** Number of requests sent, for benchmarks. */
  requests = 0;

  constructor(address: ConsulAddress, timer: RetryTimer = systemTimer) {
    const { tls, token } = address;
    this.#timer = timer;
    this.#servers = address.servers.map(({ host, port }) => ({
      name: `${host}:${String(port)}`,
      consul: new Consul({
        host: host.includes(':') ? `[${host}]` : host,
        port,
        secure: tls !== undefined,
        agent:
          tls === undefined
            ? new HttpAgent({ keepAlive: true })
            : new HttpsAgent({
                ...verifiedTls,
                keepAlive: true,
                ca: tls.ca,
                cert: tls.cert,
                key: tls.key,
              }),
        ...(token === undefined ? {} : { defaults: { token } }),
      }),
    }));
  }

  /** Throws `unsupported` if the server is not Consul or its version is too old. */
  async checkVersion(): Promise<void> {
    let self: unknown;
    try {
      self = await this.call((consul) => consul.agent.self());
    } catch (error) {
      // A token limited to keys and sessions cannot read the version.
      if (error instanceof AppError && error.kind === 'forbidden') return;
      throw error;
    }
    const name = this.#servers[this.#at % this.#servers.length]?.name ?? '';
    const version = versionOf(name, self);
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major > minVersion.major || (major === minVersion.major && minor >= minVersion.minor))
      return;
    throw new AppError(
      'unsupported',
      `consul at ${name}: version ${version} is too old; upgrade to ${minVersion.major}.${minVersion.minor} or later`,
    );
  }

  /**
   * Atomic transaction. Resolves with the new index of every key set; throws `conflict` if a check
   * fails.
   */
  async transact(
    operations: readonly KvOperation[],
    timeoutMs = writeTimeoutMs,
  ): Promise<ReadonlyMap<string, number>> {
    const body = operations.map(wire);
    const answer: unknown = await this.call((consul) =>
      consul.transaction.create(body as never, options({ timeout: timeoutMs })),
    );
    const found = readTransaction(answer).flatMap(({ KV }) => KV ?? []);
    return new Map(found.map(({ Key, ModifyIndex }) => [Key, ModifyIndex]));
  }

  /** Reads one key consistently, never a stale copy; undefined if it does not exist. */
  async get(key: string, timeoutMs = writeTimeoutMs): Promise<KvEntry | undefined> {
    const found = await this.#read({ key, timeout: timeoutMs });
    return found[0];
  }

  /** Reads all entries below a prefix as one consistent snapshot, sorted by key. */
  list(prefix: string): Promise<readonly KvEntry[]> {
    return this.#read({ key: prefix, recurse: true });
  }

  /** Deletes all keys below a prefix in one request. */
  async removeAll(prefix: string): Promise<void> {
    await this.call((consul) =>
      consul.kv.del(options({ key: prefix, recurse: true, timeout: writeTimeoutMs })),
    );
  }

  async keys(prefix: string): Promise<readonly string[]> {
    try {
      const request = options({ key: prefix, consistent: true, timeout: readTimeoutMs });
      return await this.ask('keys', array(string), (consul) => consul.kv.keys(request));
    } catch (error) {
      if (error instanceof AppError && error.kind === 'not-found') return [];
      throw error;
    }
  }

  /** Blocking query: resolves when the key's index differs from `index`, or after `waitMs`. */
  async waitForChange(key: string, index: number, waitMs: number): Promise<KvEntry | undefined> {
    const found = await this.#read({
      key,
      index: String(index),
      wait: `${String(waitMs)}ms`,
      timeout: waitMs + writeTimeoutMs,
    });
    return found[0];
  }

  /** Runs a request that reads and decodes the answer; otherwise as `call`. */
  async ask<Answer>(
    what: string,
    decoder: Decoder<Answer>,
    request: (consul: Consul) => Promise<unknown>,
  ): Promise<Answer> {
    return decodeAnswer(what, decoder, await this.call(request));
  }

  /** Runs one request against a reachable server; retries only requests that were not executed. */
  async call<Answer>(request: (consul: Consul) => Promise<Answer>): Promise<Answer> {
    const since = this.#timer.elapsed();
    for (let attempt = 1; ; attempt += 1) {
      const server = this.#servers[this.#at % this.#servers.length];
      if (server === undefined)
        throw new AppError('invalid', 'consul: no server address is configured');
      try {
        this.requests += 1;
        return await request(server.consul);
      } catch (error) {
        if (!isSafeToRetry(error)) throw toConsulError(error, server.name);
        this.#at += 1;
        const isRoundOver = attempt % this.#servers.length === 0;
        const isTimedOut = this.#timer.elapsed() - since > retryMs;
        if (isRoundOver && isTimedOut) throw toConsulError(error, server.name);
        if (isRoundOver) await this.#timer.pause(roundPauseMs);
      }
    }
  }

  close(): void {
    for (const { consul } of this.#servers) consul.destroy();
  }

  /** Reads are idempotent: a read with an unknown outcome is retried once at the next server. */
  async #read(wanted: Options): Promise<readonly KvEntry[]> {
    const ask = (): Promise<unknown> =>
      this.call((consul) =>
        consul.kv.get(
          options({ consistent: true, buffer: true, timeout: readTimeoutMs, ...wanted }),
        ),
      );
    let answer: unknown;
    try {
      answer = await ask();
    } catch (error) {
      if (!isUnknownOutcome(error)) throw error;
      this.#at += 1;
      answer = await ask();
    }
    if (answer === undefined || answer === null) return [];
    const entries = Array.isArray(answer) ? answer : [answer];
    return decodeAnswer('entries', rawEntries, entries).map(
      ({ Key, Value, Flags, ModifyIndex, Session }) => ({
        key: Key,
        value: Value ?? Buffer.alloc(0),
        flags: Flags,
        index: ModifyIndex,
        session: Session,
      }),
    );
  }
}

const remedy = 'check that the address is that of a Consul server';

function decodeAnswer<Answer>(what: string, decoder: Decoder<Answer>, answer: unknown): Answer {
  return decode(answer, decoder, `consul: answer with ${what}`, remedy);
}

function versionOf(server: string, self: unknown): string {
  try {
    return decodeAnswer('its version', agentSelf, self).Config.Version;
  } catch (error) {
    throw new AppError('unsupported', `${server}: not a consul server; check the address`, {
      cause: error,
    });
  }
}

/** A malformed answer to a write leaves its outcome unknown. */
function readTransaction(answer: unknown): readonly TransactionResult[] {
  try {
    return decodeAnswer('the results of a transaction', transactionAnswer, answer).Results;
  } catch (error) {
    throw new UnknownOutcomeError(messageOf(error), error);
  }
}

/** Casts request options that the library's types lack. */
function options(wanted: Options): never {
  return wanted as never;
}

function wire(operation: KvOperation): object {
  const { verb, key } = operation;
  const index = 'index' in operation ? { Index: operation.index } : {};
  if (!('value' in operation)) return { KV: { Verb: verb, Key: key, ...index } };
  const { value, flags = 0 } = operation;
  return {
    KV: { Verb: verb, Key: key, Value: value.toString('base64'), Flags: flags, ...index },
  };
}
