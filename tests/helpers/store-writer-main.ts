import { openEmbedded } from '../../manager/store/embedded/embedded.js';

/*
 * Writes one pair of records a batch until it is killed and says each number on standard output once it
 * was acknowledged. Started by the crash test: `node store-writer-main.js FOLDER FIRST`.
 */
const [folder, first] = process.argv.slice(2);
const backend = await openEmbedded(folder ?? '');
for (let n = Number(first); ; n += 1) {
  await backend.commit([
    { table: 'services', id: `s${n}`, value: { id: `s${n}`, n } },
    { table: 'nodes', id: `n${n}`, value: { id: `n${n}`, n } },
    // One that is overwritten each time: its pages are taken and given back all the time.
    { table: 'cluster', id: 'cluster', value: { id: 'cluster', n, filler: 'x'.repeat(n % 5_000) } },
  ]);
  process.stdout.write(`${n}\n`);
}
