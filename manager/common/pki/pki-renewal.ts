import { X509Certificate } from 'node:crypto';
import { backoffMs } from '../base/backoff.js';
import type { Clock } from '../base/clock.js';
import { AppError, messageOf } from '../base/errors.js';
import type { Logger } from '../base/log.js';
import type { CertificateKeyPaths } from './pki-files.js';
import { readKeyPair, replaceKeyPair } from './pki-files.js';
import { certificatesOf } from './pki-peer.js';
import type { KeyPair } from './pki.js';
import { createPrivateKey, createRequest } from './pki.js';

export interface RenewalOptions {
  /** Owner of the certificate in log messages: `worker` or `manager`. */
  readonly owner: string;
  readonly paths: CertificateKeyPaths;
  /** Root CA certificate, PEM. */
  readonly ca: string;
  readonly clock: Clock;
  readonly log: Logger;
  readonly random: () => number;
  /**
   * Gets a request (PKCS #10, PEM) signed; resolves with the chain. Rejects with `unavailable`
   * while no signer is reachable.
   */
  readonly obtain: (request: string, signal: AbortSignal) => Promise<string>;
  /** Called after the new pair is on disk. */
  readonly onRenewed: (pair: KeyPair) => void;
}

/** Longest sleep between checks, since the clock may jump. */
const maxSleepMs = 60_000;
const minSleepMs = 100;
const obtainMs = 60_000;
const backoff = { firstMs: 1_000, maxMs: 300_000 };

/**
 * Returns the renewal time: at two thirds of the lifetime, minus a jitter of up to 1/15 of it
 * (`random` in [0, 1)) so that nodes created together do not renew together. All times in ms since
 * the epoch.
 */
export function renewalDue(notBeforeMs: number, notAfterMs: number, random: number): number {
  const lifeMs = notAfterMs - notBeforeMs;
  return notBeforeMs + lifeMs * (2 / 3 - random / 15);
}

/** How much of its life a certificate has left; it expires soon in the last third. */
export function lifeLeft(
  { validFrom, validTo }: X509Certificate,
  nowMs: number,
): 'valid' | 'expires soon' | 'expired' {
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  const leftMs = to - nowMs;
  if (leftMs <= 0) return 'expired';
  return leftMs < (to - from) / 3 ? 'expires soon' : 'valid';
}

/**
 * Throws `internal` unless the chain has the same subject, is signed by our CA and is valid now: a
 * bad response must never replace a working certificate.
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
    new AppError('internal', `renewed certificate: ${why}; the old one is kept`);
  if (leaf === undefined) throw wrong('contains no certificate');
  if (leaf.subject !== before.subject) throw wrong(`is for ${leaf.subject.replaceAll('\n', ' ')}`);
  // Two roots while the root CA is replaced.
  const roots = certificatesOf(ca);
  const signed = chain.every((item, index) => {
    const signer = chain[index + 1];
    const signers = signer === undefined ? roots : [signer];
    return signers.some(({ publicKey }) => item.verify(publicKey));
  });
  if (!signed) throw wrong('is not signed by the cluster CA');
  if (Date.parse(leaf.validFrom) > nowMs || Date.parse(leaf.validTo) <= nowMs) {
    throw wrong(`is not valid now, only from ${leaf.validFrom} to ${leaf.validTo}`);
  }
}

/**
 * Renews a certificate before it expires: new key, signed request, both files replaced together.
 */
export class CertificateRenewal {
  readonly #options: RenewalOptions;
  readonly #abort = new AbortController();
  readonly #jitter: number;
  #cancelTimer: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #failures = 0;
  #isRequested = false;

  constructor(options: RenewalOptions) {
    this.#options = options;
    this.#jitter = options.random();
  }

  start(): void {
    this.#check();
  }

  /** Renews as soon as possible, regardless of the remaining lifetime. */
  renewNow(): void {
    this.#isRequested = true;
    this.#failures = 0;
    this.#cancelTimer?.();
    this.#check();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    this.#cancelTimer?.();
    await this.#running;
  }

  #check(): void {
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
          this.#check();
        });
      });
  }

  #failed(error: unknown): number {
    const { log, owner: what, random } = this.#options;
    this.#failures += 1;
    // The first failures are not logged: a worker without a manager already logs that in its
    // session.
    if (this.#failures === 3 && !this.#abort.signal.aborted) {
      log.warn(`certificate of the ${what}: renewal failed, retrying: ${messageOf(error)}`);
    }
    return backoffMs(backoff, this.#failures, random());
  }

  /** Renews if due; resolves with the delay until the next check, ms. */
  async #turn(): Promise<number> {
    const { paths, clock } = this.#options;
    const pair = await readKeyPair(paths);
    const leaf = new X509Certificate(pair.cert);
    const due = renewalDue(Date.parse(leaf.validFrom), Date.parse(leaf.validTo), this.#jitter);
    const waitMs = due - clock.now();
    if (waitMs > 0 && !this.#isRequested) return Math.min(Math.max(waitMs, minSleepMs), maxSleepMs);
    await this.#renew(leaf);
    return minSleepMs;
  }

  async #renew(before: X509Certificate): Promise<void> {
    const { paths, ca, clock, log, owner: what, obtain, onRenewed: renewed } = this.#options;
    const wasRequested = this.#isRequested;
    const key = await createPrivateKey();
    const name = /^CN=(.*)$/mu.exec(before.subject)?.[1] ?? what;
    const request = await createRequest(key, name);
    const signal = AbortSignal.any([this.#abort.signal, AbortSignal.timeout(obtainMs)]);
    const pair = { cert: await obtain(request, signal), key };
    checkRenewed(before, pair, ca, clock.now());
    await replaceKeyPair(paths, pair);
    if (wasRequested) this.#isRequested = false;
    const until = new X509Certificate(pair.cert).validTo;
    log.info(`certificate of the ${what} was renewed`, { until });
    renewed(pair);
  }
}
