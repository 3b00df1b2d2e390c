import type { Clock } from '../common/base/clock.js';
import type { Fields } from '../common/base/decode.js';
import { isFields } from '../common/base/decode.js';
import { AppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import { KeyedTokenBuckets, TokenBucket } from '../common/base/token-bucket.js';
import type { JoinToken } from '../common/model/trust/join-token.js';
import type {
  JoinResponse,
  JoinRequest,
  CreatedJoinToken,
  JoinTokenInfo,
} from '../common/protocol/security.js';
import { updateClusterRecord } from '../store/cluster-record.js';
import type { ClusterRecord, ClusterStore, Transaction } from '../store/store.js';
import {
  fingerprintOf,
  formatToken,
  hashSecret,
  matchesHash,
  newSecret,
} from '../common/pki/join-token.js';
import { maxRequestLength } from '../common/pki/certificate-request.js';
import type { PeerIdentity } from '../common/pki/pki.js';

export interface JoinOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly clusterId: string;
  readonly clusterName: string;
  /** Addresses (`host:port`) of all managers. */
  readonly managers: () => Promise<readonly string[]>;
  /** Root CA certificate, PEM. */
  readonly ca: string;
  readonly sign: (order: {
    readonly request: string;
    readonly identity: PeerIdentity;
  }) => Promise<string>;
}

const maxTokens = 100;
/** Certificates signed for joining machines, in total and for one address. */
const signingRate = { capacity: 200, perSecond: 10 };
const addressRate = { capacity: 60, perSecond: 1, maxKeys: 4_096 };
/** Hash compared for unknown tokens, so that the check takes the same time. */
const unknownTokenHash = hashSecret('');

/** Creates and rotates join tokens, and signs a new node's certificate for a valid token. */
export class JoinService {
  readonly #options: JoinOptions;
  readonly #failures: FailureCount;
  readonly #signings = new TokenBucket(signingRate);
  readonly #signingsByAddress = new KeyedTokenBuckets(addressRate);

  constructor(options: JoinOptions) {
    this.#options = options;
    this.#failures = new FailureCount(options.clock);
  }

  /** Creates a token and removes expired ones. Rejects with `conflict` beyond 100 tokens. */
  async create(order: {
    readonly ttlMs: number;
    readonly uses: number | undefined;
    readonly label: string;
  }): Promise<CreatedJoinToken> {
    const { newId, clock } = this.#options;
    const secret = newSecret();
    const now = clock.now();
    const made: JoinToken = {
      id: newId().slice(0, 12),
      role: 'worker',
      label: order.label,
      hash: hashSecret(secret),
      createdAt: now,
      expiresAt: now + order.ttlMs,
      ...(order.uses === undefined ? {} : { usesLeft: order.uses }),
      used: 0,
    };
    await this.#update((record) => {
      const valid = (record.tokens ?? []).filter(({ expiresAt }) => expiresAt > now);
      if (valid.length >= maxTokens) {
        throw new AppError(
          'conflict',
          `join tokens: limit of ${maxTokens} reached; remove some with "shoal token rm"`,
        );
      }
      return [...valid, made];
    });
    return this.#toMadeToken(made, secret);
  }

  /** Replaces a token's secret. Rejects with `not-found` for an unknown ID. */
  async rotate(id: string): Promise<CreatedJoinToken> {
    const secret = newSecret();
    let rotated: JoinToken | undefined;
    await this.#update((record) =>
      (record.tokens ?? []).map((token) => {
        if (token.id !== id) return token;
        rotated = { ...token, hash: hashSecret(secret) };
        return rotated;
      }),
    );
    if (rotated === undefined) throw new AppError('not-found', `no such token: ${id}`);
    return this.#toMadeToken(rotated, secret);
  }

  /**
   * Admits a machine without a certificate as a node with a new ID. Rejects with `forbidden` for an
   * invalid token and with `unavailable` after too many attempts.
   */
  async join(body: unknown, remote: string): Promise<JoinResponse> {
    const { newId, clusterId, clusterName, managers, sign, store, log } = this.#options;
    this.#failures.check(remote);
    const order = readRequest(body);
    this.#checkToken(order, remote);
    checkName(store, order.name);
    this.#checkRate(remote);
    const nodeId = newId();
    const { request } = order;
    const identity: PeerIdentity = { clusterId, role: 'worker', nodeId };
    const chain = await sign({ request, identity });
    // Last: a bad request must not consume a use, and a token used up meanwhile must not yield a
    // chain.
    await store.update('control', (tx) => {
      consumeUse(tx, order.tokenId);
    });
    log.info(`machine ${order.name} joined with token ${order.tokenId}`, { nodeId, from: remote });
    return { clusterId, clusterName, nodeId, chain, managers: await managers() };
  }

  #checkToken({ tokenId, secret }: JoinRequest, remote: string): void {
    const { store, clock, log } = this.#options;
    const tokens = store.view.get('cluster', 'cluster')?.tokens ?? [];
    const token = tokens.find(({ id }) => id === tokenId);
    const matches = matchesHash(secret, token?.hash ?? unknownTokenHash);
    if (token === undefined || !matches) {
      this.#failures.note(remote);
      log.warn('join refused: unknown join token', { from: remote });
      throw new AppError(
        'forbidden',
        'join token: unknown; create a new one with "shoal token create"',
      );
    }
    if (token.expiresAt <= clock.now()) {
      const since = new Date(token.expiresAt).toUTCString();
      throw new AppError(
        'forbidden',
        `join token ${tokenId}: expired on ${since}; create a new one with "shoal token create"`,
      );
    }
    if (token.usesLeft === 0) throw noUsesLeft(tokenId);
  }

  /** Limits signing, also for valid tokens: each signature costs time on the leader. */
  #checkRate(remote: string): void {
    const now = this.#options.clock.elapsed();
    if (this.#signingsByAddress.take(remote, now) && this.#signings.take(now)) return;
    throw new AppError('unavailable', 'join: too many requests; retry in a minute');
  }

  #update(change: (record: ClusterRecord) => readonly JoinToken[]): Promise<void> {
    return this.#options.store.update('control', (tx) => {
      updateClusterRecord(tx, (record) => ({ ...record, tokens: change(record) }));
    });
  }

  #toMadeToken({ hash: _hash, ...token }: JoinToken, secret: string): CreatedJoinToken {
    const { id, role } = token;
    const text = formatToken({ role, id, secret, fingerprint: fingerprintOf(this.#options.ca) });
    return { token: token satisfies JoinTokenInfo, text };
  }
}

function noUsesLeft(id: string): AppError {
  return new AppError(
    'forbidden',
    `join token ${id}: no uses left; create a new one with "shoal token create"`,
  );
}

function consumeUse(tx: Transaction, id: string): void {
  const record = tx.get('cluster', 'cluster');
  const token = record?.tokens?.find((item) => item.id === id);
  if (record === undefined || token === undefined || token.usesLeft === 0) throw noUsesLeft(id);
  const usesLeft = token.usesLeft === undefined ? {} : { usesLeft: token.usesLeft - 1 };
  const used: JoinToken = { ...token, ...usesLeft, used: token.used + 1 };
  const tokens = (record.tokens ?? []).map((item) => (item.id === id ? used : item));
  tx.put('cluster', { ...record, tokens });
}

function checkName(store: ClusterStore, name: string): void {
  const holder = store.view.nodeByName(name);
  if (holder === undefined) return;
  throw new AppError(
    'conflict',
    `node name ${name}: already used by node ${holder.id}; use another one with --name or remove that node first`,
  );
}

const namePattern = /^[0-9A-Za-z][0-9A-Za-z.-]{0,62}$/u;

function readRequest(body: unknown): JoinRequest {
  const fields: Fields = isFields(body) ? body : {};
  const text = (key: keyof JoinRequest, most: number): string => {
    const value = fields[key];
    if (typeof value === 'string' && value !== '' && value.length <= most) return value;
    throw new AppError('invalid', `join: ${key} must be a string of 1 to ${most} characters`);
  };
  const name = text('name', 63);
  if (!namePattern.test(name)) {
    throw new AppError(
      'invalid',
      `node name "${name}": invalid; use at most 63 of 0-9 a-z A-Z . -`,
    );
  }
  return {
    tokenId: text('tokenId', 64),
    secret: text('secret', 128),
    request: text('request', maxRequestLength),
    name,
  };
}

const windowMs = 60_000;
const maxPerAddress = 10;
const maxTotal = 1_000;

/** Counts failed attempts in the current window, per address and in total; memory is bounded. */
class FailureCount {
  readonly #clock: Clock;
  #since = 0;
  #all = 0;
  #counts = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Throws `unavailable` if there were too many failures in the current window of a minute. */
  check(remote: string): void {
    this.#startWindow();
    if (this.#all < maxTotal && (this.#counts.get(remote) ?? 0) < maxPerAddress) return;
    throw new AppError('unavailable', 'join: too many failed attempts; retry in a minute');
  }

  note(remote: string): void {
    this.#startWindow();
    this.#all += 1;
    this.#counts.set(remote, (this.#counts.get(remote) ?? 0) + 1);
  }

  #startWindow(): void {
    const now = this.#clock.now();
    if (Math.abs(now - this.#since) < windowMs) return;
    this.#since = now;
    this.#all = 0;
    this.#counts = new Map();
  }
}
