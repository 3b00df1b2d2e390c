import { aService } from '../../../fixtures/cluster/build.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { silentLogger } from '../fakes/silent-logger.js';
import { openEmbedded } from '../../../manager/store/embedded/embedded.js';
import { openStore } from '../../../manager/store/open-store.js';

/*
 * `node store-writer-main.js FOLDER FIRST` writes to the manager's store over its embedded backend
 * until it is killed. Each numbered transaction creates two services and changes a third; its
 * number is printed once it is acknowledged. Snapshots are taken all the time.
 */
const [folder = '', first = '0'] = process.argv.slice(2);
const backend = await openEmbedded(folder, { compactAboveBytes: 20_000 });
const store = await openStore({ backend, clock: systemClock, log: silentLogger });
let next = Number(first);

async function write(): Promise<void> {
  for (;;) {
    const n = next;
    next += 1;
    await store.update('control', (tx) => {
      tx.create('services', { ...aService(`a${n}`), id: `a${n}` as never });
      tx.create('services', { ...aService(`b${n}`), id: `b${n}` as never });
      const last = tx.get('services', 'last' as never);
      if (last === undefined) tx.create('services', { ...aService('last'), id: 'last' as never });
      else tx.put('services', { ...last, forceUpdate: n });
      // Old objects are removed, so that a long run does not fill the disk.
      if (n >= 200) tx.remove('services', `a${n - 200}` as never);
    });
    process.stdout.write(`${n}\n`);
  }
}

await Promise.all([write(), write(), write()]);
