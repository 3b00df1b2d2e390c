import { writeBackup } from '../../common/protocol/backup.js';
import { encodeStreamFrame } from '../../common/protocol/frames.js';
import { tableNames } from '../../store/table-definitions.js';
import type { Seal, StoredObject } from '../context.js';
import type { ControlStreams } from './stream-context.js';

function* sealed(objects: readonly StoredObject[], seal: Seal): Generator<StoredObject> {
  for (const object of objects) yield seal(object);
}

/**
 * Streams one consistent snapshot of the store while it keeps changing: lists read from the store
 * are immutable.
 */
export const backupStream: ControlStreams['backup'] = async (context, _args, { stream }) => {
  const { store, clock, manager } = context;
  const { seal = (object: StoredObject) => object } = context;
  const objects = tableNames.flatMap((table) =>
    store.view.list(table).map((value) => ({ table, value })),
  );
  const header = {
    clusterId: manager.clusterId,
    clusterName: manager.clusterName,
    index: store.view.index,
    at: new Date(clock.now()).toISOString(),
    version: manager.version,
  };
  for (const chunk of writeBackup(header, sealed(objects, seal)))
    await stream.send(encodeStreamFrame('stdout', chunk));
  await stream.send(encodeStreamFrame('exit', '0'));
};
