import { messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { ClusterStore, Transaction } from '../store/store.js';

/** Writes without waiting; a lost write is logged and repeated by the next sweep or session. */
export type BackgroundWrite = (change: (tx: Transaction) => void) => void;

export function backgroundWrite(store: ClusterStore, log: Logger): BackgroundWrite {
  return (change) => {
    store.update('dispatcher', change).catch((error: unknown) => {
      log.error(`dispatcher: cannot write to the store: ${messageOf(error)}`);
    });
  };
}
