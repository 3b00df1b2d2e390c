import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { AppError } from '../../manager/common/base/errors.js';
import { FrameReader, frame } from './frames.js';
import { answers, readQuestion } from './wire.js';

/** Sends a query to one server and gives its answer, with the server's id. Rejects after `timeoutMs`. */
export type Exchange = (
  server: string,
  query: Buffer,
  transport: 'udp' | 'tcp',
  timeoutMs: number,
) => Promise<Buffer>;

/** An address, or `address:port` for a server on another port. */
function endpointOf(server: string): { readonly host: string; readonly port: number } {
  const match = /^(\d+\.\d+\.\d+\.\d+):(\d+)$/.exec(server);
  return { host: match?.[1] ?? server, port: Number(match?.[2] ?? 53) };
}

/**
 * Over the network. Each question has its own socket, so its own random port, and its own random id: an
 * answer somebody made up has to guess both (RFC 5452).
 */
export const exchange: Exchange = (server, query, transport, timeoutMs) => {
  const question = readQuestion(query, transport);
  if (question === undefined)
    return Promise.reject(new AppError('invalid', 'not a question that can be passed on'));
  const own = Buffer.from(query);
  own.writeUInt16BE(randomInt(65_536), 0);
  const accept = (answer: Buffer): boolean => answers(answer, own, question);
  const ask = transport === 'tcp' ? askTcp : askUdp;
  return ask(server, own, accept, timeoutMs);
};

type Ask = (
  server: string,
  query: Buffer,
  accept: (answer: Buffer) => boolean,
  timeoutMs: number,
) => Promise<Buffer>;

const askUdp: Ask = (server, query, accept, timeoutMs) =>
  new Promise((resolve, reject) => {
    const { host, port } = endpointOf(server);
    const socket = createSocket(host.includes(':') ? 'udp6' : 'udp4');
    const timer = setTimeout(() => {
      end(() => {
        reject(new AppError('timeout', `${server} did not answer`));
      });
    }, timeoutMs);
    const end = (then: () => void): void => {
      clearTimeout(timer);
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      socket.close();
      then();
    };
    const fail = (error: Error): void => {
      end(() => {
        reject(error);
      });
    };
    socket.on('error', fail);
    socket.on('message', (answer) => {
      if (accept(answer))
        end(() => {
          resolve(answer);
        });
    });
    socket.connect(port, host, (error?: Error) => {
      if (error) fail(error);
      else socket.send(query);
    });
  });

const askTcp: Ask = (server, query, accept, timeoutMs) =>
  new Promise((resolve, reject) => {
    const { host, port } = endpointOf(server);
    const socket = connect({ host, port });
    const reader = new FrameReader();
    socket.setTimeout(timeoutMs);
    const timer = setTimeout(() => {
      socket.destroy(new AppError('timeout', `${server} did not answer`));
    }, timeoutMs);
    socket.on('connect', () => socket.write(frame(query)));
    socket.on('data', (chunk: Buffer) => {
      for (const answer of reader.push(chunk)) {
        if (!accept(answer)) continue;
        resolve(answer);
        socket.destroy();
      }
    });
    socket.on('error', reject);
    socket.on('close', () => {
      clearTimeout(timer);
      reject(new AppError('unavailable', `${server} closed the connection`));
    });
  });
