import { setTimeout as pause } from 'node:timers/promises';
import { messageOf } from '../../../manager/common/base/errors.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import { parseConsulAddress } from '../../../manager/common/model/discovery.js';
import { ConsulClient } from '../../../manager/store/consul/client.js';
import { openConsul } from '../../../manager/store/consul/consul.js';
import { ConsulLock } from '../../../manager/store/consul/lock.js';
import type { HeldLock, Term } from '../../../manager/store/election.js';
import { Election } from '../../../manager/store/election.js';

/*
 * `node consul-leader-main.js CONSUL CLUSTER NODE` stands for election and, while it leads, writes
 * numbers as fast as it can. Prints one line per event: `leads`, `wrote N`, `refused REASON`,
 * `over`.
 */
const [discovery = '', cluster = '', nodeId = ''] = process.argv.slice(2);
const address = parseConsulAddress(discovery);
const log = jsonLogger(
  'info',
  (line) => process.stderr.write(line),
  () => Date.now(),
);
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

async function lead(held: HeldLock): Promise<Term> {
  const backend = await openConsul({
    client: new ConsulClient(address),
    prefix: address.prefix,
    cluster: { id: cluster, name: cluster },
    owner: nodeId,
    lock: held.fence,
  });
  const numbers = (await backend.load()).map(({ value }) => (value as { n?: number }).n ?? 0);
  let n = Math.max(0, ...numbers);
  const over = new AbortController();
  print('leads');
  const writing = (async (): Promise<void> => {
    while (!over.signal.aborted) {
      n += 1;
      try {
        await backend.commit([
          { table: 'services', id: `s${n}`, value: { id: `s${n}`, n, nodeId } },
        ]);
        print(`wrote ${n}`);
      } catch (error) {
        print(`refused ${messageOf(error)}`);
        return;
      }
      await pause(5);
    }
  })();
  return {
    ended: writing,
    async stop() {
      over.abort();
      await writing;
      await backend.close();
      print('over');
    },
  };
}

const election = new Election({
  lock: new ConsulLock({
    client: new ConsulClient(address),
    log,
    prefix: address.prefix,
    cluster,
    clusterId: cluster,
    self: { nodeId, address: '127.0.0.1:7070' },
  }),
  log,
  lead,
});
election.start();
process.once('SIGTERM', () => {
  void election.stop().then(() => process.exit(0));
});
