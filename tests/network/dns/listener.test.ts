import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../../fixtures/lab/wait.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import { frameDnsMessage } from '../../../network/dns/frames.js';
import { Listener, type ListenerOptions } from '../../../network/dns/listener.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';

/** Each test has its own loopback address. */
let addresses = 10;
function nextAddress(): string {
  addresses += 1;
  return `127.150.0.${addresses}`;
}

/** A clock that also notes the delays of its timers. */
class RecordingClock extends ManualClock {
  readonly delays: number[] = [];

  override after(delayMs: number, callback: () => void): () => void {
    this.delays.push(delayMs);
    return super.after(delayMs, callback);
  }
}

interface Listening {
  readonly close: () => void;
  readonly clock: RecordingClock;
  readonly warnings: string[];
  /** Queries as `<transport> <client> <text>`. */
  readonly queries: string[];
}

/** A listener that answers each query with its own text, or through `onQuery`. */
function listen(
  t: ExecutionContext,
  address: string,
  port: number,
  onQuery?: ListenerOptions['onQuery'],
): Listening {
  const clock = new RecordingClock();
  const warnings: string[] = [];
  const queries: string[] = [];
  const log = jsonLogger(
    'warn',
    (line) => warnings.push((JSON.parse(line) as { readonly message: string }).message),
    () => 0,
  );
  const answer: ListenerOptions['onQuery'] = (message, from, transport, reply) => {
    queries.push(`${transport} ${from} ${message.toString()}`);
    reply(message);
  };
  const options = { address, port, clock, log, onQuery: onQuery ?? answer };
  const listener = new Listener(options);
  let isOpen = true;
  const close = (): void => {
    if (isOpen) listener.close();
    isOpen = false;
  };
  t.teardown(close);
  return { close, clock, warnings, queries };
}

/** Takes a TCP port of the address; both transports are free again once it is released. */
async function occupy(address: string): Promise<{ port: number; release: () => Promise<void> }> {
  const server = createServer().listen(0, address);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    release: async () => {
      server.close();
      await once(server, 'close');
    },
  };
}

async function freePort(address: string): Promise<number> {
  const { port, release } = await occupy(address);
  await release();
  return port;
}

/** Connects as soon as the port listens. */
async function open(t: ExecutionContext, to: [string, number], from = to[0]): Promise<Socket> {
  let socket: Socket | undefined;
  await waitFor('the connection', async () => {
    const attempt = connect({ host: to[0], port: to[1], localAddress: from });
    const isOpen = await Promise.race([
      once(attempt, 'connect').then(() => true),
      once(attempt, 'close').then(() => false),
    ]).catch(() => false);
    if (isOpen) socket = attempt;
    return isOpen;
  });
  if (socket === undefined) throw new Error('not connected');
  const opened = socket;
  opened.on('error', () => undefined);
  t.teardown(() => opened.destroy());
  return opened;
}

async function udpClient(t: ExecutionContext, address: string): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.bind(0, address);
  await once(socket, 'listening');
  t.teardown(() => socket.close());
  return socket;
}

/** Sends a UDP query until the listener answers. */
async function askUdp(t: ExecutionContext, address: string, port: number): Promise<string> {
  const socket = await udpClient(t, address);
  let answer: string | undefined;
  socket.on('message', (message: Buffer) => (answer = message.toString()));
  await waitFor('the answer', () => {
    if (answer === undefined) socket.send('query', port, address);
    return answer !== undefined;
  });
  return answer ?? '';
}

test('queries arrive over both transports with their client', async (t) => {
  const address = nextAddress();
  const port = await freePort(address);
  const { queries } = listen(t, address, port);
  t.is(await askUdp(t, address, port), 'query');
  const socket = await open(t, [address, port], '127.150.1.1');
  socket.write(frameDnsMessage(Buffer.from('framed')));
  const [answer] = (await once(socket, 'data')) as [Buffer];
  t.deepEqual(answer, frameDnsMessage(Buffer.from('framed')));
  t.is(queries[0], `udp ${address} query`);
  t.is(queries.at(-1), 'tcp 127.150.1.1 framed');
});

test('an address that does not exist yet is tried again without a warning', async (t) => {
  const { clock, warnings, close } = listen(t, '192.0.2.1', 5353);
  for (const retries of [1, 2, 3]) {
    await waitFor('the retries', () => clock.delays.length === 2 * retries);
    if (retries < 3) clock.advance(15 * retries);
  }
  t.deepEqual(clock.delays, [15, 15, 30, 30, 60, 60], 'the interval grows');
  t.deepEqual(warnings, []);
  close();
  t.is(clock.pendingTimers, 0);
});

test('a port in use is reported once and taken over when it is free', async (t) => {
  const address = nextAddress();
  const { port, release } = await occupy(address);
  const { clock, warnings } = listen(t, address, port);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    await waitFor('the retry', () => clock.pendingTimers === 1);
    if (attempt === 2) await release();
    clock.advance(1_000);
  }
  await open(t, [address, port]);
  t.is(warnings.length, 1);
  t.true(warnings[0]?.startsWith(`dns: cannot listen on ${address}:${port}/tcp: `));
  t.is(clock.pendingTimers, 0);
});

test('a UDP port in use is tried again as well', async (t) => {
  const address = nextAddress();
  const port = await freePort(address);
  const other = createSocket('udp4');
  other.bind(port, address);
  await once(other, 'listening');
  const { clock } = listen(t, address, port);
  await waitFor('the retry', () => clock.pendingTimers === 1);
  await new Promise<void>((closed) => other.close(closed));
  clock.advance(15);
  t.is(await askUdp(t, address, port), 'query');
});

test('a closed listener frees its port, ends its connections and answers nothing', async (t) => {
  const address = nextAddress();
  const port = await freePort(address);
  let reply: ((answer: Buffer) => void) | undefined;
  const { close } = listen(t, address, port, (_message, _from, transport, answer) => {
    if (transport === 'udp') reply = answer;
  });
  const client = await udpClient(t, address);
  await waitFor('the query', () => {
    client.send('query', port, address);
    return reply !== undefined;
  });
  const socket = await open(t, [address, port]);
  close();
  t.notThrows(() => reply?.(Buffer.from('late')));
  socket.resume();
  await waitFor('the end of the connection', () => socket.closed);
  const again = listen(t, address, port);
  t.is(await askUdp(t, address, port), 'query');
  await open(t, [address, port]);
  t.deepEqual(again.warnings, []);
});

test('a closed connection frees its place, and all clients together have 256', async (t) => {
  const address = nextAddress();
  const port = await freePort(address);
  listen(t, address, port);
  const connected: Socket[] = [];
  for (let client = 1; client <= 16; client += 1) {
    const from = `127.150.2.${client}`;
    const opened = Array.from({ length: 16 }, () => open(t, [address, port], from));
    connected.push(...(await Promise.all(opened)));
  }
  const ask = async (from: string): Promise<boolean> => {
    const socket = await open(t, [address, port], from);
    socket.write(frameDnsMessage(Buffer.from('query')));
    return await Promise.race([
      once(socket, 'data').then(() => true),
      once(socket, 'close').then(() => false),
    ]).catch(() => false);
  };
  t.false(await ask('127.150.3.1'), 'a connection too many is closed');
  t.true(connected.every(({ closed }) => !closed));
  connected[0]?.destroy();
  await waitFor('a free place', () => ask('127.150.2.1'));
});
