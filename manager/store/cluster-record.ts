import { AppError } from '../common/base/errors.js';
import type { ClusterRecord, StoreView, Transaction } from './store.js';

/** Returns the cluster record. Throws `internal` if the first term has not written it yet. */
export function getClusterRecord(view: Pick<StoreView, 'get'>): ClusterRecord {
  const record = view.get('cluster', 'cluster');
  if (record === undefined) throw new AppError('internal', 'cluster record not found');
  return record;
}

/** Replaces the cluster record with the result of `change`; no write if that is the same object. */
export function updateClusterRecord(
  tx: Transaction,
  change: (record: ClusterRecord) => ClusterRecord,
): void {
  const record = getClusterRecord(tx);
  const changed = change(record);
  if (changed !== record) tx.put('cluster', changed);
}
