import { writeBackup } from '../../protocol/backup.js';
import { frame } from '../../protocol/frames.js';
import { tableNames } from '../../store/tables.js';
import type { ControlStreams } from './stream-context.js';

/** The whole store as it is at one moment, while it goes on: lists of the store never change. */
export const backup: ControlStreams['backup'] = async (context, _args, { stream }) => {
  const { store, clock, manager } = context;
  const records = tableNames.flatMap((table) =>
    store.view.list(table).map((value) => ({ table, value })),
  );
  const header = {
    clusterId: manager.clusterId,
    clusterName: manager.clusterName,
    index: store.view.index,
    at: new Date(clock.now()).toISOString(),
    version: manager.version,
  };
  for (const chunk of writeBackup(header, records)) await stream.send(frame('stdout', chunk));
  await stream.send(frame('exit', '0'));
};
