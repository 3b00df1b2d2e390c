import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isAppError } from '../../../manager/common/base/errors.js';
import type { DurableWrite } from '../../../manager/store/backend.js';
import { openEmbedded, readEmbedded } from '../../../manager/store/embedded/embedded.js';

/*
 * `node full-disk-main.js FOLDER`, on a file system of one megabyte: fills it, writes until the
 * store refuses, frees space, writes again, and prints the outcome as JSON.
 */
const [folder = ''] = process.argv.slice(2);
const store = join(folder, 'store');
const ballast = join(folder, 'ballast');
const put = (n: number): DurableWrite => ({
  table: 'services',
  id: `s${n}`,
  value: { id: `s${n}`, filler: 'z'.repeat(20_000) },
});

const backend = await openEmbedded(store);
await writeFile(ballast, Buffer.alloc(500_000));
const acknowledged: string[] = [];
let refusal: unknown;
let n = 0;
const tryWrite = async (): Promise<boolean> => {
  const write = put(n++);
  try {
    await backend.commit([write]);
    acknowledged.push(write.id);
    return true;
  } catch (error) {
    refusal = error;
    return false;
  }
};
while (await tryWrite());
const refusedAgain = !(await tryWrite());
await rm(ballast);
const wentOn = await tryWrite();
await backend.close();
const ids = new Set((await readEmbedded(store)).map(({ value }) => (value as { id: string }).id));
process.stdout.write(
  JSON.stringify({
    refusal: refusal instanceof Error ? refusal.message : '',
    kind: isAppError(refusal) ? refusal.kind : '',
    lost: acknowledged.filter((id) => !ids.has(id)),
    strangers: [...ids].filter((id) => !acknowledged.includes(id)),
    refusedAgain,
    wentOn,
  }),
);
