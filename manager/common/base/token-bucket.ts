export interface TokenBucketRate {
  /** Number of events that may happen at once. */
  readonly capacity: number;
  readonly perSecond: number;
}

/** Rate limit: a bucket that is full at first and refills steadily. */
export class TokenBucket {
  readonly #rate: TokenBucketRate;
  #tokens: number;
  #atMs: number | undefined;

  constructor(rate: TokenBucketRate) {
    this.#rate = rate;
    this.#tokens = rate.capacity;
  }

  /** Takes a token; false if there is none. Times are monotonic, ms. */
  take(nowMs: number): boolean {
    this.#refill(nowMs);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** True if no token is missing. */
  isFull(nowMs: number): boolean {
    this.#refill(nowMs);
    return this.#tokens >= this.#rate.capacity;
  }

  #refill(nowMs: number): void {
    const { capacity, perSecond } = this.#rate;
    const passedMs = Math.max(nowMs - (this.#atMs ?? nowMs), 0);
    this.#tokens = Math.min(this.#tokens + (passedMs * perSecond) / 1_000, capacity);
    this.#atMs = nowMs;
  }
}

/** A rate limit for each key, such as an address. Memory is bounded. */
export class KeyedTokenBuckets {
  readonly #rate: TokenBucketRate & { readonly maxKeys: number };
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: TokenBucketRate & { readonly maxKeys: number }) {
    this.#rate = rate;
  }

  /** Takes a token of a key; false if it has none, or if too many keys are limited at once. */
  take(key: string, nowMs: number): boolean {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known.take(nowMs);
    if (this.#buckets.size >= this.#rate.maxKeys) this.#forgetFull(nowMs);
    if (this.#buckets.size >= this.#rate.maxKeys) return false;
    const bucket = new TokenBucket(this.#rate);
    this.#buckets.set(key, bucket);
    return bucket.take(nowMs);
  }

  forget(key: string): void {
    this.#buckets.delete(key);
  }

  #forgetFull(nowMs: number): void {
    for (const [key, bucket] of this.#buckets) {
      if (bucket.isFull(nowMs)) this.#buckets.delete(key);
    }
  }
}
