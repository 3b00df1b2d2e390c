import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import Consul from 'consul';
import { AppError } from '../../common/base/errors.js';
import type { ConsulAddress } from '../../common/model/discovery.js';
import { isUncertain, translate, wasNotSent } from './failure.js';

/** Limits of Consul 1.x as it comes: operations of a transaction, bytes of its request (JSON with base64). */
export const maxOperations = 64;
export const maxRequestBytes = 524_288;

export type KvOperation =
  | {
      readonly verb: 'cas' | 'set';
      readonly key: string;
      readonly value: Buffer;
      readonly flags?: number;
      /** Of `cas`: the index the key must have, 0 for none. */
      readonly index?: number;
    }
  | { readonly verb: 'delete-cas' | 'check-index'; readonly key: string; readonly index: number }
  | { readonly verb: 'delete'; readonly key: string };

export interface KvEntry {
  readonly key: string;
  readonly value: Buffer;
  readonly flags: number;
  /** Index of its last change. */
  readonly index: number;
  readonly session: string | undefined;
}

interface RawEntry {
  readonly Key: string;
  readonly Value: Buffer | null;
  readonly Flags: number;
  readonly ModifyIndex: number;
  readonly Session?: string;
}

interface TransactionAnswer {
  readonly Results?: readonly { readonly KV?: RawEntry }[] | null;
}

/** What the library passes on to its requests, beside what its types tell. */
type Options = Readonly<Record<string, unknown>>;

/** As much of a client as a store needs. */
export type KvClient = Pick<
  ConsulClient,
  'checkVersion' | 'transact' | 'get' | 'list' | 'keys' | 'close'
>;

/** The first one with the limits above. */
const oldest = { major: 1, minor: 7 };

const writeTimeoutMs = 5_000;
const readTimeoutMs = 60_000;

/** How long servers are asked in turn before it is said that none is there, and the pause between rounds. */
const patienceMs = 3_000;
const roundPauseMs = 250;

/**
 * The one place that speaks to Consul. Every call goes to the server that answered last; what was
 * certainly not done is tried at the next one, for about three seconds, which covers an election of
 * Consul's own. Errors are AppErrors: `unavailable`, `conflict`, `forbidden`, `invalid`; a write of which
 * nobody knows whether it was done is an `UncertainError`.
 */
export class ConsulClient {
  readonly #servers: readonly { readonly name: string; readonly consul: Consul }[];
  #at = 0;
  /** Requests sent so far: what the figures are made of. */
  requests = 0;

  constructor(address: ConsulAddress) {
    const { tls, token } = address;
    this.#servers = address.servers.map(({ host, port }) => ({
      name: `${host}:${String(port)}`,
      consul: new Consul({
        host: host.includes(':') ? `[${host}]` : host,
        port,
        secure: tls !== undefined,
        agent:
          tls === undefined
            ? new HttpAgent({ keepAlive: true })
            : new HttpsAgent({ keepAlive: true, ca: tls.ca, cert: tls.cert, key: tls.key }),
        ...(token === undefined ? {} : { defaults: { token } }),
      }),
    }));
  }

  /** Throws `unsupported` for what is no Consul, or one that is too old. */
  async checkVersion(): Promise<void> {
    let self: { readonly Config?: { readonly Version?: string } } | undefined;
    try {
      self = await this.call((consul) => consul.agent.self() as Promise<typeof self>);
    } catch (error) {
      // Those who may only use keys and sessions are not told.
      if (error instanceof AppError && error.kind === 'forbidden') return;
      throw error;
    }
    const version = self?.Config?.Version;
    const name = this.#servers[this.#at % this.#servers.length]?.name ?? '';
    if (version === undefined) {
      throw new AppError('unsupported', `${name} does not answer like consul: check the address`);
    }
    const [major = 0, minor = 0] = version.split('.').map(Number);
    if (major > oldest.major || (major === oldest.major && minor >= oldest.minor)) return;
    throw new AppError(
      'unsupported',
      `consul at ${name} is version ${version}: ${oldest.major}.${oldest.minor} or later is needed`,
    );
  }

  /** All or nothing; resolves with the new index of every key that was set. `conflict` when a check failed. */
  async transact(
    operations: readonly KvOperation[],
    timeoutMs = writeTimeoutMs,
  ): Promise<ReadonlyMap<string, number>> {
    const body = operations.map(wire);
    const answer = await this.call(
      (consul) =>
        consul.transaction.create(
          body as never,
          options({ timeout: timeoutMs }),
        ) as Promise<TransactionAnswer>,
    );
    const found = (answer.Results ?? []).flatMap(({ KV }) => KV ?? []);
    return new Map(found.map(({ Key, ModifyIndex }) => [Key, ModifyIndex]));
  }

  /** As Consul's leader has it, never a stale copy. */
  async get(key: string, timeoutMs = writeTimeoutMs): Promise<KvEntry | undefined> {
    const found = await this.#read({ key, timeout: timeoutMs });
    return found[0];
  }

  /** Everything below a prefix, in order, at one moment. */
  list(prefix: string): Promise<readonly KvEntry[]> {
    return this.#read({ key: prefix, recurse: true });
  }

  /** Everything below a prefix, at once. */
  async removeAll(prefix: string): Promise<void> {
    await this.call((consul) =>
      consul.kv.del(options({ key: prefix, recurse: true, timeout: writeTimeoutMs })),
    );
  }

  async keys(prefix: string): Promise<readonly string[]> {
    try {
      return await this.call((consul) =>
        consul.kv.keys(options({ key: prefix, consistent: true, timeout: readTimeoutMs })),
      );
    } catch (error) {
      if (error instanceof AppError && error.kind === 'not-found') return [];
      throw error;
    }
  }

  /** Waits until a key is not at `index` any more, `waitMs` at most. */
  async waitForChange(key: string, index: number, waitMs: number): Promise<KvEntry | undefined> {
    const found = await this.#read({
      key,
      index: String(index),
      wait: `${String(waitMs)}ms`,
      timeout: waitMs + writeTimeoutMs,
    });
    return found[0];
  }

  /** Runs one request of the library against a server that answers. */
  async call<Answer>(request: (consul: Consul) => Promise<Answer>): Promise<Answer> {
    const since = performance.now();
    for (let attempt = 1; ; attempt += 1) {
      const server = this.#servers[this.#at % this.#servers.length];
      if (server === undefined) throw new AppError('invalid', 'no consul server is named');
      try {
        this.requests += 1;
        return await request(server.consul);
      } catch (error) {
        if (!wasNotSent(error)) throw translate(error, server.name);
        this.#at += 1;
        const roundIsOver = attempt % this.#servers.length === 0;
        const isLate = performance.now() - since > patienceMs;
        if (roundIsOver && isLate) throw translate(error, server.name);
        if (roundIsOver) await new Promise((resolve) => setTimeout(resolve, roundPauseMs));
      }
    }
  }

  close(): void {
    for (const { consul } of this.#servers) consul.destroy();
  }

  /** Nothing is lost by asking again: what failed half-way is asked of the next server once. */
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
      if (!isUncertain(error)) throw error;
      this.#at += 1;
      answer = await ask();
    }
    if (answer === undefined || answer === null) return [];
    const entries = (Array.isArray(answer) ? answer : [answer]) as readonly RawEntry[];
    return entries.map(({ Key, Value, Flags, ModifyIndex, Session }) => ({
      key: Key,
      value: Value ?? Buffer.alloc(0),
      flags: Flags,
      index: ModifyIndex,
      session: Session,
    }));
  }
}

/** The library's types lack its own options. */
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
