import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { connect } from 'node:net';
import { AppError } from '../../manager/common/base/errors.js';
import { DnsFrameReader, frameDnsMessage } from './frames.js';
import { isAnswerTo, readQuestion } from './wire.js';

/**
 * Sends a query to one server and resolves with its answer, which carries an id chosen by the
 * exchange. Rejects after `timeoutMs`.
 */
export type Exchange = (
  server: string,
  query: Buffer,
  transport: 'udp' | 'tcp',
  timeoutMs: number,
) => Promise<Buffer>;

/** Parses `address` or `address:port`; the default port is 53. */
function endpointOf(server: string): { readonly host: string; readonly port: number } {
  const match = /^(\d+\.\d+\.\d+\.\d+):(\d+)$/.exec(server);
  return { host: match?.[1] ?? server, port: Number(match?.[2] ?? 53) };
}

/**
 * Exchange over the network. Each query uses its own socket, hence a random source port, and a
 * random id: a spoofed answer has to guess both (RFC 5452).
 */
export const exchange: Exchange = (server, query, transport, timeoutMs) => {
  const question = readQuestion(query, transport);
  if (question === undefined)
    return Promise.reject(new AppError('invalid', 'dns query is malformed; cannot forward it'));
  const outgoing = Buffer.from(query);
  outgoing.writeUInt16BE(randomInt(65_536), 0);
  const accept = (answer: Buffer): boolean => isAnswerTo(answer, outgoing, question);
  const ask = transport === 'tcp' ? askTcp : askUdp;
  return ask(server, outgoing, accept, timeoutMs);
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
        reject(new AppError('timeout', `dns server ${server} did not answer in time`));
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
    const reader = new DnsFrameReader();
    socket.setTimeout(timeoutMs);
    const timer = setTimeout(() => {
      socket.destroy(new AppError('timeout', `dns server ${server} did not answer in time`));
    }, timeoutMs);
    socket.on('connect', () => socket.write(frameDnsMessage(query)));
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
      reject(new AppError('unavailable', `dns server ${server} closed the connection`));
    });
  });
