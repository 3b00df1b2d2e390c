import type { IncomingHttpHeaders, IncomingMessage } from 'node:http';
import { request } from 'node:https';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import { encodeStreamFrame, decodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import type { Connection } from '../../../manager/common/protocol/transport-connection.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';

export interface ApiAnswer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** An Engine API client that verifies a manager's certificate as docker does. */
export class DockerApi {
  readonly #t: ExecutionContext;
  readonly #port: number;
  readonly #tls: TlsMaterial;

  constructor(t: ExecutionContext, port: number, tls: TlsMaterial) {
    this.#t = t;
    this.#port = port;
    this.#tls = tls;
  }

  async request(method: string, path: string, body?: object): Promise<ApiAnswer> {
    const answer = await this.open(method, path, body);
    return {
      status: answer.statusCode ?? 0,
      headers: answer.headers,
      body: await text(answer),
    };
  }

  async json(path: string): Promise<unknown> {
    const { status, body } = await this.request('GET', path);
    if (status !== 200) throw new Error(`${path}: ${status} ${body}`);
    return JSON.parse(body) as unknown;
  }

  /** Resolves when the headers have arrived. */
  open(method: string, path: string, body?: object): Promise<IncomingMessage> {
    return new Promise((resolve, reject) => {
      const outgoing = this.#request(method, path, body, {});
      outgoing.once('response', (answer: IncomingMessage) => {
        // Long responses are cut off when a test ends.
        answer.on('error', () => undefined);
        resolve(answer);
      });
      outgoing.once('error', reject);
    });
  }

  /** Requests an upgrade; resolves when the server switches protocols. */
  upgrade(path: string, body: object): Promise<{ readonly socket: Duplex; readonly head: Buffer }> {
    return new Promise((resolve, reject) => {
      const headers = { connection: 'Upgrade', upgrade: 'tcp' };
      const outgoing = this.#request('POST', path, body, headers);
      outgoing.once('upgrade', (_answer, socket, head) => {
        socket.allowHalfOpen = true;
        resolve({ socket, head });
      });
      outgoing.once('response', (answer: IncomingMessage) => {
        void text(answer).then((message) => {
          reject(new Error(`${answer.statusCode ?? 0} ${message}`));
        });
      });
      outgoing.once('error', reject);
    });
  }

  #request(
    method: string,
    path: string,
    body: object | undefined,
    headers: Readonly<Record<string, string>>,
  ): ReturnType<typeof request> {
    const bytes = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
    const outgoing = request({
      ...{ host: '127.0.0.1', port: this.#port, method, path, agent: false, ...this.#tls },
      headers: {
        ...headers,
        ...(bytes && { 'content-type': 'application/json', 'content-length': bytes.length }),
      },
    });
    this.#t.teardown(() => {
      outgoing.destroy();
    });
    return outgoing.end(bytes);
  }
}

/**
 * A process that writes its input in capitals to stdout and exits with code 3 at the end of its
 * input.
 */
export async function upperCaseProcess(stream: Connection): Promise<void> {
  const messages = stream[Symbol.asyncIterator]();
  for (let input = ' '; input !== '';) {
    const next = await messages.next();
    if (next.done === true) return;
    const part = typeof next.value === 'string' ? undefined : decodeStreamFrame(next.value);
    if (part?.channel !== 'stdin') continue;
    input = Buffer.from(part.data).toString();
    await stream.send(encodeStreamFrame('stdout', input.toUpperCase()));
  }
  await stream.send(encodeStreamFrame('stderr', 'bye'));
  await stream.send(encodeStreamFrame('exit', '3'));
  await stream.ended;
}

/** The framed output for a client that sends `hello`. */
export const upperCaseOutput = {
  hello: '\x01\0\0\0\0\0\0\x05HELLO\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\x03bye',
};
