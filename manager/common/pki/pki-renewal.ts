import { X509Certificate } from 'node:crypto';
import { backoffMs } from '../base/backoff.js';
import type { Clock } from '../base/clock.js';
import { AppError, messageOf } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { PairPaths } from './pki-files.js';
import { readPair, replacePair } from './pki-files.js';
import { certificatesOf } from './pki-peer.js';
import type { KeyPair } from './pki.js';
import { createPrivateKey, createRequest } from './pki.js';

export interface RenewalOptions {
  /** For the log: `worker`, `manager`. */
  readonly what: string;
  readonly paths: PairPaths;
  /** PEM of the authority everybody trusts. */
  readonly ca: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /** Has a request (PKCS #10, PEM) signed; resolves with the chain. `unavailable` while nobody can. */
  readonly obtain: (request: string, signal: AbortSignal) => Promise<string>;
  /** Called when the new pair is on disk. */
  readonly renewed: (pair: KeyPair) => void;
}

/** The clock may jump, so that the time is looked at again at least this often. */
const lookMs = 60_000;
const soonestMs = 100;
const obtainMs = 60_000;
const backoff = { firstMs: 1_000, maxMs: 300_000 };

/**
 * When a certificate is renewed: before two thirds of its life, a little earlier for some than for others
 * (`random` in [0, 1)), so that machines made together do not all ask together. All in ms since the epoch.
 */
export function renewalDue(notBeforeMs: number, notAfterMs: number, random: number): number {
  const lifeMs = notAfterMs - notBeforeMs;
  return notBeforeMs + lifeMs * (2 / 3 - random / 15);
}

/**
 * Throws `internal` unless the chain is for this key and subject, comes from our authority, and is valid
 * now: a bad answer never takes the place of a certificate that still works.
 */
export function checkRenewed(
  before: X509Certificate,
  next: KeyPair,
  ca: string,
  nowMs: number,
): void {
  const chain = certificatesOf(next.cert);
  const leaf = chain[0];
  const wrong = (why: string): AppError =>
    new AppError('internal', `the renewed certificate ${why}: the old one is kept`);
  if (leaf === undefined) throw wrong('is none');
  if (leaf.subject !== before.subject) throw wrong(`is for ${leaf.subject.replaceAll('\n', ' ')}`);
  const signers = [...chain.slice(1), new X509Certificate(ca)];
  const signed = chain.every((one, index) => {
    const signer = signers[index];
    return signer !== undefined && one.verify(signer.publicKey);
  });
  if (!signed) throw wrong('does not come from our authority');
  if (Date.parse(leaf.validFrom) > nowMs || Date.parse(leaf.validTo) <= nowMs) {
    throw wrong(`is valid from ${leaf.validFrom} to ${leaf.validTo}, which is not now`);
  }
}

/** Keeps one certificate from ending: a new key is made here, its request signed, both replaced at once. */
export class CertificateRenewal {
  readonly #options: RenewalOptions;
  readonly #abort = new AbortController();
  readonly #jitter: number;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;
  #wanted = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#jitter = options.random();
  }

  start(): void {
    this.#look();
  }

  /** Renews as soon as it can, however long the certificate would still be good. */
  renewNow(): void {
    this.#wanted = true;
    this.#failures = 0;
    this.#cancelTimer?.();
    this.#look();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancelTimer?.();
    await this.#running;
  }

  #look(): void {
    if (this.#abort.signal.aborted || this.#running !== undefined) return;
    this.#running = this.#turn()
      .then(
        (waitMs) => {
          this.#failures = 0;
          return waitMs;
        },
        (error: unknown) => this.#failed(error),
      )
      .then((waitMs) => {
        this.#running = undefined;
        if (this.#abort.signal.aborted) return;
        this.#cancelTimer = this.#options.clock.after(waitMs, () => {
          this.#look();
        });
      });
  }

  #failed(error: unknown): number {
    const { log, what, random } = this.#options;
    this.#failures += 1;
    // A worker without a manager cannot renew for a while, which its session's log tells already.
    if (this.#failures === 3 && !this.#abort.signal.aborted) {
      log.warn(`certificate of the ${what} is not renewed: ${messageOf(error)}`);
    }
    return backoffMs(backoff, this.#failures, random());
  }

  /** Resolves with the time until the next look, ms. */
  async #turn(): Promise<number> {
    const { paths, clock } = this.#options;
    const pair = await readPair(paths);
    const leaf = new X509Certificate(pair.cert);
    const due = renewalDue(Date.parse(leaf.validFrom), Date.parse(leaf.validTo), this.#jitter);
    const waitMs = due - clock.now();
    if (waitMs > 0 && !this.#wanted) return Math.min(Math.max(waitMs, soonestMs), lookMs);
    await this.#renew(leaf);
    return soonestMs;
  }

  async #renew(before: X509Certificate): Promise<void> {
    const { paths, ca, clock, log, what, obtain, renewed } = this.#options;
    const asked = this.#wanted;
    const key = await createPrivateKey();
    const name = /^CN=(.*)$/mu.exec(before.subject)?.[1] ?? what;
    const request = await createRequest(key, name);
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(obtainMs)]);
    const pair = { cert: await obtain(request, signal), key };
    checkRenewed(before, pair, ca, clock.now());
    await replacePair(paths, pair);
    if (asked) this.#wanted = false;
    const until = new X509Certificate(pair.cert).validTo;
    log.info(`certificate of the ${what} was renewed`, { until });
    renewed(pair);
  }
}
