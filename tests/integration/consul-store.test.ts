import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { ConsulServers } from '../../fixtures/consul/server.js';
import { isAppError } from '../../manager/common/base/errors.js';
import { newId } from '../../manager/common/base/random.js';
import type { StoreBackend, DurableWrite } from '../../manager/store/backend.js';
import { ConsulClient } from '../../manager/store/consul/client.js';
import {
  clientOf,
  consulTest,
  openTestConsul,
  sharedConsul,
  startConsul,
} from '../helpers/consul/consul.js';

const writer = fileURLToPath(new URL('../helpers/consul/writer-main.js', import.meta.url));

const shared = sharedConsul();

const put = (id: string, value: object = {}): DurableWrite => ({
  table: 'services',
  id,
  value: { id, ...value },
});

function openAs(servers: ConsulServers, name: string, id = name): Promise<StoreBackend> {
  return openTestConsul(clientOf(servers), { cluster: { id, name } });
}

/** Asserts that `run` rejects with an AppError of the kind and a matching message. */
async function failsAs(t: ExecutionContext, kind: string, wanted: RegExp, run: Promise<unknown>) {
  const error: unknown = await t.throwsAsync(run);
  t.true(isAppError(error) && error.kind === kind, String(error));
  t.regex(String(error), wanted);
}

consulTest(
  'a batch of many transactions is complete or absent, wherever its writer is killed',
  async (t) => {
    const servers = shared();
    const cluster = newId();
    let acknowledged = -1;
    let redone = 0;
    for (let round = 0; round < 8; round += 1) {
      const discovery = `consul://${servers.addresses.join(',')}`;
      const argv = [writer, discovery, cluster, String(acknowledged + 1)];
      const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'inherit'] });
      let text = '';
      child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
      await once(child.stdout, 'data');
      await pause(round * 17);
      child.kill('SIGKILL');
      await once(child, 'close');
      acknowledged = Math.max(acknowledged, Number(text.trim().split('\n').at(-1)));
      const client = clientOf(servers);
      const journal = await client.get(`shoal/${cluster}/journal/commit`);
      if (journal?.value.includes('"batch":""') === false) redone += 1;
      client.close();
      const backend = await openAs(servers, cluster);
      const records = await backend.load();
      const batches = new Set(records.map(({ value }) => (value as { batch: number }).batch));
      t.is(records.length, 400);
      t.is(batches.size, 1, `objects of batches ${[...batches].join(', ')}`);
      const [batch = -1] = batches;
      t.true(batch === acknowledged || batch === acknowledged + 1, `${batch} of ${acknowledged}`);
      acknowledged = batch;
      await backend.close();
    }
    t.log(`killed 8 times, ${redone} times a journal was left to apply`);
  },
);

consulTest('a backend is fenced off once another one has opened the store', async (t) => {
  const servers = shared();
  const name = newId();
  const old = await openAs(servers, name);
  await old.load();
  await old.commit([put('a')]);
  const next = await openAs(servers, name);
  await failsAs(t, 'conflict', /must be reopened/, old.commit([put('b')]));
  await failsAs(t, 'conflict', /must be reopened/, old.commit([put('c')]));
  t.is((await next.load()).length, 1);
  await next.commit([put('b')]);
  await old.close();
  await next.close();
});

consulTest('keys that were changed or written by another program are named', async (t) => {
  const servers = shared();
  const name = newId();
  const backend = await openAs(servers, name);
  await backend.commit([put('a'), put('b')]);
  const foreignClient = clientOf(servers);
  const write = (key: string, value: string): Promise<unknown> =>
    foreignClient.transact([
      { verb: 'set', key: `shoal/${name}/${key}`, value: Buffer.from(value) },
    ]);
  await write('services/a', '{"id":"a","evil":true}');
  await failsAs(t, 'conflict', /must be reopened/, backend.commit([put('a', { n: 2 })]));
  await backend.close();
  const damaged = await openAs(servers, name);
  await failsAs(t, 'internal', /services\/a: value was changed by hand/, damaged.load());
  await damaged.commit([put('z')]);
  await write('notes', 'hello');
  const foreign = await openAs(servers, name);
  await failsAs(t, 'internal', /notes: was not written by shoal/, foreign.load());
  foreignClient.close();
  await Promise.all([damaged.close(), foreign.close()]);
});

consulTest(
  'a prefix of another program, another cluster or a newer version is refused',
  async (t) => {
    const servers = shared();
    const foreignClient = clientOf(servers);
    t.teardown(() => {
      foreignClient.close();
    });
    const write = (key: string, value: string): Promise<unknown> =>
      foreignClient.transact([{ verb: 'set', key, value: Buffer.from(value) }]);
    const used = newId();
    await write(`shoal/${used}/something`, 'of others');
    await failsAs(t, 'conflict', /another application uses the prefix/, openAs(servers, used));
    const taken = newId();
    await (await openAs(servers, taken, 'c1')).close();
    await failsAs(
      t,
      'conflict',
      /belongs to cluster \w+ \(c1\), not to/,
      openAs(servers, taken, 'c2'),
    );
    const garbage = newId();
    await write(`shoal/${garbage}/meta`, 'not ours');
    await failsAs(t, 'internal', /was not written by shoal/, openAs(servers, garbage));
    const newer = newId();
    const meta = { format: 2, clusterId: newer, clusterName: newer, epoch: 1, owner: '' };
    await write(`shoal/${newer}/meta`, JSON.stringify(meta));
    await failsAs(
      t,
      'unsupported',
      /store format 2 is newer than the supported format 1/,
      openAs(servers, newer),
    );
  },
);

consulTest(
  'large objects are split into parts without leftovers, and oversized ones are refused',
  async (t) => {
    const servers = shared();
    const name = newId();
    const backend = await openAs(servers, name);
    const client = clientOf(servers);
    t.teardown(() => {
      client.close();
    });
    const pieces = async (): Promise<number> => (await client.keys(`shoal/${name}/parts/`)).length;
    await backend.commit([put('big', { data: 'ü'.repeat(1_500_000) })]);
    await backend.commit([put('next')]);
    t.is(await pieces(), 11);
    await backend.commit([put('big', { data: 'x'.repeat(300_000) })]);
    await backend.commit([put('next', { n: 2 })]);
    t.is(await pieces(), 1);
    const tooLarge = backend.commit([put('huge', { data: 'x'.repeat(9_000_000) })]);
    await failsAs(t, 'invalid', /services\/huge: object has \d+ bytes, the limit/, tooLarge);
    await backend.commit([{ table: 'services', id: 'big', value: undefined }]);
    t.is(await pieces(), 0);
    t.is((await backend.load()).length, 1);
    await backend.close();
  },
);

consulTest(
  'a consul that is down, refuses the token or is no consul gives a one-line error',
  async (t) => {
    const servers = await startConsul({ masterToken: 'b1a0dcd0-0c4c-4cd0-9c59-6f3a7a0a3f6e' });
    t.teardown(() => servers.stop());
    await failsAs(t, 'forbidden', /permission denied/, openTestConsul(clientOf(servers)));
    const allowed = clientOf(servers, 'b1a0dcd0-0c4c-4cd0-9c59-6f3a7a0a3f6e');
    const backend = await openTestConsul(allowed);
    await backend.commit([put('a')]);
    await servers.kill(0);
    await failsAs(t, 'unavailable', /cannot be reached: ECONNREFUSED/, backend.commit([put('b')]));
    await servers.startServer(0);
    await servers.ready();
    // Nothing was sent, so the outcome is certain and the backend goes on.
    await backend.commit([put('b')]);
    t.is((await backend.load()).length, 2);
    await backend.close();
    const other = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as AddressInfo;
    const client = new ConsulClient({ servers: [{ host: '127.0.0.1', port }], prefix: 'shoal' });
    await failsAs(t, 'unsupported', /not a consul server/, openTestConsul(client));
    client.close();
    other.close();
  },
);
