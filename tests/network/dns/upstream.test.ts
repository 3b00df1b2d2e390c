import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import { DnsFrameReader, frameDnsMessage } from '../../../network/dns/frames.js';
import { exchange } from '../../../network/dns/upstream.js';
import { queryMessage } from '../../helpers/decisions/dns-query.js';

const query = queryMessage('example.org');

/** The query as a response, with this change. */
function answerTo(message: Buffer, change: (answer: Buffer) => void = () => undefined): Buffer {
  const answer = Buffer.from(message);
  answer[2] = 0x81;
  change(answer);
  return answer;
}

/** A UDP server that sends these answers to each query. */
async function udpServer(
  t: ExecutionContext,
  answer: (message: Buffer) => readonly Buffer[],
): Promise<string> {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  socket.on('message', (message: Buffer, { port, address }) => {
    for (const each of answer(message)) socket.send(each, port, address);
  });
  return `127.0.0.1:${socket.address().port}`;
}

/** A TCP server that handles each query of a connection. */
async function tcpServer(
  t: ExecutionContext,
  handle: (message: Buffer, connection: Socket) => void,
): Promise<string> {
  const server = createServer((connection) => {
    const reader = new DnsFrameReader();
    connection.on('error', () => undefined);
    connection.on('data', (chunk: Buffer) => {
      for (const message of reader.push(chunk)) handle(message, connection);
    });
    t.teardown(() => connection.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

test('each query has an id of its own, and its answer is returned', async (t) => {
  const ids = new Set<number>();
  const server = await udpServer(t, (message) => {
    ids.add(message.readUInt16BE(0));
    return [answerTo(message)];
  });
  for (let round = 0; round < 8; round += 1) {
    const answer = await exchange(server, query, 'udp', 5_000);
    t.true(ids.has(answer.readUInt16BE(0)));
    t.deepEqual(answer.subarray(3), query.subarray(3));
  }
  t.true(ids.size > 4, 'ids are random');
  t.is(query.readUInt16BE(0), 4711, 'the query itself is unchanged');
});

test('answers to other queries are ignored', async (t) => {
  const server = await udpServer(t, (message) => [
    message,
    answerTo(message, (answer) => (answer[1] = (answer[1] ?? 0) ^ 1)),
    answerTo(message, (answer) => (answer[3] = 0x83)),
  ]);
  t.is((await exchange(server, query, 'udp', 5_000))[3], 0x83);
  const tcp = await tcpServer(t, (message, connection) => {
    connection.write(frameDnsMessage(message));
    connection.write(frameDnsMessage(answerTo(message, (answer) => (answer[3] = 0x83))));
  });
  t.is((await exchange(tcp, query, 'tcp', 5_000))[3], 0x83);
});

test('a server that does not answer is a timeout that names it', async (t) => {
  const silent = await udpServer(t, () => []);
  const tcp = await tcpServer(t, () => undefined);
  for (const [server, transport] of [
    [silent, 'udp'],
    [tcp, 'tcp'],
  ] as const) {
    const error = await t.throwsAsync(exchange(server, query, transport, 20), {
      instanceOf: AppError,
    });
    t.is(error.kind, 'timeout');
    t.true(error.message.includes(server));
  }
});

test('a server that nobody runs is an error before the timeout', async (t) => {
  const socket = createSocket('udp4');
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  const server = `127.0.0.1:${socket.address().port}`;
  await new Promise<void>((closed) => socket.close(closed));
  for (const transport of ['udp', 'tcp'] as const)
    await t.throwsAsync(exchange(server, query, transport, 60_000), { code: 'ECONNREFUSED' });
});

test('a server that closes the connection is unavailable', async (t) => {
  const server = await tcpServer(t, (_message, connection) => connection.end());
  const error = await t.throwsAsync(exchange(server, query, 'tcp', 60_000), {
    instanceOf: AppError,
  });
  t.is(error.kind, 'unavailable');
});

test('a malformed query is not sent', async (t) => {
  const error = await t.throwsAsync(exchange('127.0.0.1', Buffer.alloc(12), 'udp', 5_000), {
    instanceOf: AppError,
  });
  t.is(error.kind, 'invalid');
});
