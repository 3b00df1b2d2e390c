import type { Clock } from '../common/base/clock.js';
import { isAppError, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { Loop } from '../common/base/loop.js';
import { paths } from '../common/protocol/messages.js';
import { KeyRing } from '../store/key-ring.js';
import type { Relay } from './relay.js';

const lookMs = 2_000;

/**
 * A follower's copy of the key that seals secrets, so that it can open the store when it leads. The leader
 * gives it to managers only, over their mutual TLS.
 */
export class KeyCopy {
  readonly #loop: Loop;

  constructor(options: {
    readonly path: string;
    readonly relay: Relay;
    readonly clock: Clock;
    readonly log: Logger;
    /** The leader wants to hear nothing of this manager. */
    readonly onRefused: () => Promise<void>;
  }) {
    const { path, relay, clock, log, onRefused } = options;
    const ring = new KeyRing(path);
    let trouble = '';
    this.#loop = new Loop({
      name: 'copy of the cluster key',
      clock,
      log,
      resyncMs: lookMs,
      turn: async () => {
        try {
          const answer = (await relay.askLeader(paths.sealingKeys)) as { keys: string } | undefined;
          if (answer !== undefined) await ring.adopt(answer.keys);
          trouble = '';
        } catch (error) {
          // Once per outage: the leader may be away for long.
          if (trouble === '') log.debug(`no copy of the cluster key: ${messageOf(error)}`);
          trouble = messageOf(error);
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
