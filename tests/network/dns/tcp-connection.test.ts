import { once } from 'node:events';
import type { AddressInfo, Socket } from 'node:net';
import { connect, createServer } from 'node:net';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { waitFor } from '../../../fixtures/lab/wait.js';
import { DnsFrameReader, frameDnsMessage } from '../../../network/dns/frames.js';
import { serveTcp } from '../../../network/dns/tcp-connection.js';

type OnQuery = Parameters<typeof serveTcp>[1];

/** A client connected to a server of one connection, and the server's end. */
async function connected(
  t: ExecutionContext,
  onQuery: OnQuery,
): Promise<{ readonly client: Socket; readonly server: Socket }> {
  const listening = createServer().listen(0, '127.0.0.1');
  await once(listening, 'listening');
  const client = connect((listening.address() as AddressInfo).port, '127.0.0.1');
  const [server] = (await once(listening, 'connection')) as [Socket];
  serveTcp(server, onQuery);
  t.teardown(() => {
    client.destroy();
    server.destroy();
    listening.close();
  });
  return { client, server };
}

const query = (id: number): Buffer => {
  const message = Buffer.alloc(30);
  message.writeUInt32BE(id);
  return frameDnsMessage(message);
};

/** Reads answers until `count` of them have arrived; returns the ids. */
async function answers(client: Socket, count: number): Promise<number[]> {
  const reader = new DnsFrameReader();
  const ids: number[] = [];
  client.on('data', (chunk: Buffer) => {
    for (const answer of reader.push(chunk)) ids.push(answer.readUInt32BE());
  });
  client.resume();
  await waitFor('the answers', () => ids.length >= count, { timeoutMs: 25_000 });
  return ids;
}

test('a client that does not read its answers is not read until it does', async (t) => {
  const total = 4_000;
  let asked = 0;
  const { client, server } = await connected(t, (message, reply) => {
    asked += 1;
    reply(Buffer.concat([message, Buffer.alloc(8_000)]));
  });
  client.pause();
  for (let id = 0; id < total; id += 1) client.write(query(id));
  await waitFor('the pause', () => server.isPaused());
  const before = asked;
  // Answers that the kernel has taken for the client are bounded by its socket buffers.
  t.true(before < total / 2);
  t.true(server.writableLength < 256 * 1024);
  const ids = await answers(client, total);
  t.deepEqual(
    ids,
    Array.from({ length: total }, (_, id) => id),
  );
});

test('at most 32 queries of a connection wait for answers at the same time', async (t) => {
  const waiting: (() => void)[] = [];
  const { client } = await connected(t, (message, reply) => {
    waiting.push(() => {
      reply(message);
    });
  });
  for (let id = 0; id < 40; id += 1) client.write(query(id));
  await waitFor('the queries', () => waiting.length === 32);
  const read = answers(client, 40);
  waiting.shift()?.();
  await waitFor('one more query', () => waiting.length === 32);
  while (waiting.length > 0) waiting.shift()?.();
  t.is((await read).length, 40);
});

test('dropped queries do not count as waiting', async (t) => {
  const { client } = await connected(t, (message, reply) => {
    reply(message.readUInt32BE() < 100 ? undefined : message);
  });
  for (let id = 0; id <= 100; id += 1) client.write(query(id));
  t.deepEqual(await answers(client, 1), [100]);
});

test('a second reply to the same query is ignored', async (t) => {
  const { client } = await connected(t, (message, reply) => {
    reply(message);
    reply(message);
  });
  client.write(query(1));
  client.write(query(2));
  t.deepEqual(await answers(client, 2), [1, 2]);
});
