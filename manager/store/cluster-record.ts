import { AppError } from '../common/base/errors.js';
import type { ClusterRecord, StoreView, Transaction } from './store.js';

/** The cluster's one record. Throws `internal` before the first term has written it. */
export function clusterRecord(view: Pick<StoreView, 'get'>): ClusterRecord {
  const record = view.get('cluster', 'cluster');
  if (record === undefined) throw new AppError('internal', 'the cluster has no record');
  return record;
}

/** Writes what `change` makes of it; nothing when that is the same object. */
export function changeCluster(
  tx: Transaction,
  change: (record: ClusterRecord) => ClusterRecord,
): void {
  const record = clusterRecord(tx);
  const changed = change(record);
  if (changed !== record) tx.put('cluster', changed);
}
