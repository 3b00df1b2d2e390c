import type { EventEmitter } from 'node:events';

/** How a remote command ended. */
export interface Exit {
  /** Null after a signal. */
  readonly status: number | null;
  readonly signalName?: string | undefined;
}

/**
 * Fulfilled once the channel is closed; undefined without an exit status. Must be called as soon as
 * the channel exists: the exit status of a quick command arrives in the same packet and is reported
 * once.
 */
export function exitOf(channel: EventEmitter): Promise<Exit | undefined> {
  let exit: Exit | undefined;
  channel.on('exit', (status: number | null, signalName?: string) => {
    exit = { status, signalName };
  });
  return new Promise((resolve) => {
    channel.once('close', () => {
      resolve(exit);
    });
  });
}
