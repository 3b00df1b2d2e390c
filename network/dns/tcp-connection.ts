import type { Socket } from 'node:net';
import { DnsFrameReader, frameDnsMessage } from './frames.js';

/** Queries of one connection that may wait for their answers at the same time (RFC 7766 §6.2.1.1). */
const maxPipelined = 32;

/**
 * Answers the queries of one TCP connection. Reading pauses while the client does not take its
 * answers or too many queries wait for one, so a client that never reads costs at most one chunk of
 * queries and the answers of `maxPipelined` of them.
 */
export function serveTcp(
  connection: Socket,
  onQuery: (message: Buffer, reply: (answer: Buffer | undefined) => void) => void,
): void {
  const reader = new DnsFrameReader();
  let queue: Buffer[] = [];
  let waiting = 0;
  let pumping = false;
  const blocked = (): boolean => connection.writableNeedDrain || waiting >= maxPipelined;
  const pump = (): void => {
    // An answer that is ready at once calls back before `onQuery` returns.
    if (pumping) return;
    pumping = true;
    let taken = 0;
    while (taken < queue.length && !connection.destroyed && !blocked()) {
      const message = queue[taken];
      taken += 1;
      if (message === undefined) continue;
      waiting += 1;
      let answered = false;
      onQuery(message, (answer) => {
        if (answered) return;
        answered = true;
        waiting -= 1;
        if (answer !== undefined && connection.writable) connection.write(frameDnsMessage(answer));
        pump();
      });
    }
    queue = queue.slice(taken);
    pumping = false;
    if (queue.length === 0 && !blocked()) connection.resume();
    else connection.pause();
  };
  connection.on('error', () => undefined);
  connection.on('close', () => {
    queue = [];
  });
  connection.on('drain', pump);
  connection.on('data', (chunk: Buffer) => {
    for (const message of reader.push(chunk)) queue.push(message);
    pump();
  });
}
