import type { RemoteInfo } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import type { Socket } from 'node:net';
import { createServer } from 'node:net';
import { frameDnsMessage } from '../../network/dns/frames.js';
import { below, mutate, pick, randomBytes } from './mutate.js';

export interface HostileUpstream {
  /** `address:port`, as in the settings of a container. */
  readonly server: string;
  close(): void;
}

type Answer = (random: () => number, query: Buffer) => Buffer | undefined;

/** The query as a response with the given flags. */
function response(query: Buffer, flags: number): Buffer {
  const answer = Buffer.from(query);
  if (answer.length >= 4) answer.writeUInt16BE(flags, 2);
  return answer;
}

/** A compressed A record with the name of the question. */
const record = Buffer.from('c00c00010001000000050004c0000201', 'hex');

function withRecords(query: Buffer, count: number): Buffer {
  const answer = response(query, 0x8180);
  if (answer.length >= 8) answer.writeUInt16BE(count, 6);
  return Buffer.concat([answer, ...Array.from({ length: count }, () => record)]);
}

const answers: readonly [Answer, ...Answer[]] = [
  () => undefined,
  (_random, query) => withRecords(query, 1),
  (random, query) => withRecords(query, below(random, 80)),
  (random, query) => mutate(random, withRecords(query, 3)),
  // Truncated: the server asks again over TCP.
  (_random, query) => response(query, 0x8380),
  (random, query) => response(query, 0x8180 | below(random, 16)),
  (random, query) => Buffer.concat([randomBytes(random, 2), withRecords(query, 1).subarray(2)]),
  (random) => randomBytes(random, below(random, 1400)),
];

/** A DNS server that answers wrongly, late, too much or not at all. */
export async function startHostileUpstream(
  address: string,
  random: () => number,
): Promise<HostileUpstream> {
  const udp = createSocket('udp4');
  udp.on('error', () => undefined);
  udp.on('message', (query: Buffer, from: RemoteInfo) => {
    for (let left = random() < 0.1 ? 3 : 1; left > 0; left -= 1) {
      const answer = pick(random, answers)(random, query);
      if (answer !== undefined && answer.length > 0) udp.send(answer, from.port, from.address);
    }
  });
  udp.bind(0, address);
  await once(udp, 'listening');
  const { port } = udp.address();
  const connections = new Set<Socket>();
  const tcp = createServer((connection) => {
    connections.add(connection);
    connection.on('error', () => undefined);
    connection.on('close', () => connections.delete(connection));
    connection.on('data', (chunk: Buffer) => {
      const answer = pick(random, answers)(random, chunk.subarray(2));
      if (answer === undefined) connection.destroy();
      else connection.write(random() < 0.8 ? frameDnsMessage(answer) : answer);
    });
  });
  tcp.listen(port, address);
  await once(tcp, 'listening');
  return {
    server: `${address}:${String(port)}`,
    close() {
      udp.close();
      tcp.close();
      for (const connection of connections) connection.destroy();
    },
  };
}
