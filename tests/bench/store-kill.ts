import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { seededRandom } from '../../manager/common/base/random.js';
import { killWriter } from '../helpers/stores/kill-writer.js';
import { print } from './figures.js';

/**
 * `store-kill [KILLS] [SEED]` counts the acknowledged writes that the embedded store loses to kill
 * -9.
 */
export async function run(args: readonly string[]): Promise<void> {
  const kills = Number(args[0] ?? 1_000);
  const random = seededRandom(Number(args[1] ?? 1));
  const folder = await mkdtemp(join(tmpdir(), 'shoal-kill-'));
  let [next, acknowledged] = [0, 0];
  const faults: string[] = [];
  try {
    for (let kill = 1; kill <= kills; kill += 1) {
      const done = await killWriter(folder, next, 1 + Math.floor(random() * 60));
      ({ next } = done);
      acknowledged += done.acknowledged.length;
      faults.push(...done.faults.map((fault) => `kill ${kill}: ${fault}`));
      if (kill % 100 === 0) print(`${kill} kills, ${acknowledged} writes acknowledged`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  for (const fault of faults.slice(0, 20)) print(fault);
  print(
    `embedded: acknowledged writes lost or torn in ${kills} kill -9: ${faults.length} of ${acknowledged}  (target 0)`,
  );
  if (faults.length > 0) process.exitCode = 1;
}
