import type { Clock } from '../common/base/clock.js';
import { decode, nonEmptyString, object } from '../common/base/decode.js';
import { isAppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { ReconcileLoop } from '../common/base/loop.js';
import { apiPaths } from '../common/protocol/messages.js';
import { KeyRing } from '../store/key-ring.js';
import type { Relay } from './relay.js';

const pollMs = 2_000;
const sealingKeys = object({ keys: nonEmptyString });

function keysOf(answer: unknown): string {
  return decode(answer, sealingKeys, 'sealing keys of the leader').keys;
}

/**
 * Keeps a follower's copy of the sealing key up to date so that it can open the store as leader.
 * The leader hands the key out to managers only, over mutual TLS.
 */
export class SealingKeySync {
  readonly #loop: ReconcileLoop;

  constructor(options: {
    readonly path: string;
    readonly relay: Relay;
    readonly clock: Clock;
    readonly log: Logger;
    /** Called when the leader rejects this manager as `forbidden`. */
    readonly onRefused: () => Promise<void>;
  }) {
    const { path, relay, clock, log, onRefused } = options;
    const ring = new KeyRing(path);
    let lastError = '';
    this.#loop = new ReconcileLoop({
      name: 'sealing key copy',
      clock,
      log,
      resyncMs: pollMs,
      reconcile: async () => {
        try {
          const answer = await relay.askLeader(apiPaths.sealingKeys);
          if (answer !== undefined) await ring.replaceWith(keysOf(answer));
          lastError = '';
        } catch (error) {
          // Logged once per outage: the leader may be unavailable for long.
          if (lastError === '')
            log.debug(`sealing key: cannot be copied from the leader: ${messageOf(error)}`);
          lastError = messageOf(error);
          if (isAppError(error) && error.kind === 'forbidden') await onRefused();
        }
      },
    });
  }

  start(): void {
    this.#loop.start();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }
}
