import { parseConsulAddress } from '../../../manager/common/model/discovery.js';
import { ConsulClient } from '../../../manager/store/consul/client.js';
import { openConsul } from '../../../manager/store/consul/consul.js';

/*
 * `node consul-writer-main.js CONSUL CLUSTER FIRST` commits batches of 400 objects, far more than a
 * transaction holds; each batch replaces the last one. Prints the number of each acknowledged
 * batch.
 */
const [discovery = '', cluster = '', first = '0'] = process.argv.slice(2);
const address = parseConsulAddress(discovery);
const backend = await openConsul({
  client: new ConsulClient(address),
  prefix: address.prefix,
  cluster: { id: cluster, name: cluster },
  owner: 'writer',
});
await backend.load();
for (let batch = Number(first); ; batch += 1) {
  await backend.commit(
    Array.from({ length: 400 }, (_, at) => ({
      table: 'services',
      id: `s${at}`,
      value: { id: `s${at}`, batch, filler: 'x'.repeat(1_000) },
    })),
  );
  process.stdout.write(`${batch}\n`);
}
