import type { ExecutionContext } from 'ava';
import type { DurableWrite } from '../../../manager/store/backend.js';
import { compactLogs } from '../../../manager/store/embedded/compact.js';
import { openEmbedded, readEmbedded } from '../../../manager/store/embedded/embedded.js';
import { temporaryFolder } from '../pki/pki-folder.js';

/** A service `s<n>` of some 200 bytes, or with another text. */
export function putNumbered(n: number, filler = 'x'.repeat(200)): DurableWrite {
  return { table: 'services', id: `s${n}`, value: { id: `s${n}`, filler } };
}

/** Writes a log of eleven batches from service `from` on; the last one removes that service. */
export async function writeLog(folder: string, from: number): Promise<void> {
  const backend = await openEmbedded(folder);
  for (let n = from; n < from + 40; n += 4) {
    await backend.commit([n, n + 1, n + 2, n + 3].map((each) => putNumbered(each)));
  }
  await backend.commit([{ table: 'services', id: `s${from}`, value: undefined }]);
  await backend.close();
}

/** Creates a store with a snapshot and two properly closed logs. */
export async function filledStore(t: ExecutionContext): Promise<string> {
  const folder = await temporaryFolder(t);
  await writeLog(folder, 0);
  await compactLogs(folder, 1);
  await writeLog(folder, 100);
  await writeLog(folder, 200);
  return folder;
}

/** All objects of a store, one JSON text a line, sorted. */
export async function storeContents(folder: string): Promise<string> {
  const records = await readEmbedded(folder);
  return records
    .map((record) => JSON.stringify(record))
    .sort()
    .join('\n');
}
