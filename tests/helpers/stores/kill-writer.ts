import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { readEmbedded } from '../../../manager/store/embedded/embedded.js';

const program = fileURLToPath(new URL('./writer-main.js', import.meta.url));

export interface KillResult {
  /** Numbers acknowledged by this process. */
  readonly acknowledged: readonly number[];
  /** Problems in the store afterwards; empty if every write is there. */
  readonly faults: readonly string[];
  /** First number for the next process. */
  readonly next: number;
}

/**
 * Runs a writer until it has acknowledged `writes` writes, kills it with SIGKILL and reads the
 * store.
 */
export async function killWriter(
  folder: string,
  first: number,
  writes: number,
): Promise<KillResult> {
  const child = spawn(process.execPath, [program, folder, String(first)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const acknowledged: number[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    acknowledged.push(Number(line));
    if (acknowledged.length === writes) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const found = new Map<string, { readonly id: string; readonly forceUpdate?: number }>();
  for (const { value } of await readEmbedded(folder)) {
    const object = value as { readonly id: string };
    found.set(object.id, object);
  }
  const numbers = [...found.keys()]
    .filter((id) => id.startsWith('b'))
    .map((id) => Number(id.slice(1)));
  const next = Math.max(first - 1, ...numbers) + 1;
  const faults = acknowledged.filter((n) => !found.has(`b${n}`)).map((n) => `${n} is lost`);
  for (let n = Math.max(0, next - 150); n < next; n += 1) {
    if (found.has(`a${n}`) !== found.has(`b${n}`)) faults.push(`${n} is only half written`);
  }
  const last = found.get('last')?.forceUpdate ?? 0;
  if (last < Math.max(0, ...acknowledged)) faults.push(`the changed object is at ${last}`);
  if (acknowledged.length === 0) faults.push('nothing was acknowledged');
  return { acknowledged, faults, next };
}
