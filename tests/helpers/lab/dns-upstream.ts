import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { questionName, readQuestion } from '../../../network/dns/wire.js';

export interface DnsUpstream {
  readonly port: number;
  /** Names that were asked for, in order. */
  readonly asked: readonly string[];
  close(): void;
}

/** A DNS server on an address of this host that knows every name: it is at 192.0.2.7. */
export async function startDnsUpstream(address: string): Promise<DnsUpstream> {
  const asked: string[] = [];
  const socket = createSocket('udp4');
  socket.on('message', (query, from) => {
    const question = readQuestion(query, 'udp');
    if (question === undefined) return;
    asked.push(questionName(query));
    const record = Buffer.from('c00c00010001000000050004c0000207', 'hex');
    const answer = Buffer.concat([query.subarray(0, question.end), record]);
    // A response with one question, one answer and nothing else.
    answer.set(Buffer.from('8180000100010000', 'hex'), 2);
    answer.set(Buffer.from('0000', 'hex'), 10);
    socket.send(answer, from.port, from.address);
  });
  socket.bind(0, address);
  await once(socket, 'listening');
  return {
    port: socket.address().port,
    asked,
    close: () => {
      socket.close();
    },
  };
}
