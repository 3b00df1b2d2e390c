import { createSocket } from 'node:dgram';
import type { Socket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import type { Socket as TcpSocket } from 'node:net';
import test from 'ava';
import type { RecordType } from 'dns-packet';
import { decode, encode } from 'dns-packet';
import { waitFor } from '../../../fixtures/lab/wait.js';
import { aNetworkOnNode, anEndpoint } from '../../../fixtures/cluster/network-view.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { Endpoint, ProjectNames } from '../../../manager/common/model/network-view.js';
import { DnsFrameReader, frameDnsMessage } from '../../../network/dns/frames.js';
import { DnsServer } from '../../../network/dns/server.js';

/** The decoder sets `rcode`, which its types lack. */
type Answered = ReturnType<typeof decode> & { readonly rcode?: string };

const bound = (address: string, port = 0): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', reject);
    socket.bind(port, address, () => {
      resolve(socket);
    });
  });

const close = (socket: Socket): Promise<void> =>
  new Promise((resolve) => {
    socket.close(resolve);
  });

/** Each test uses its own loopback network: 127.<n>.0.0/16, gateway .0.1. */
let networks = 20;
interface World {
  readonly server: DnsServer;
  readonly gateway: string;
  readonly address: (host: number) => string;
  readonly port: number;
}

async function world(
  endpoints: (address: World['address']) => readonly Endpoint[],
  projects: readonly ProjectNames[] = [],
): Promise<World> {
  networks += 1;
  const own = networks;
  const address = (host: number): string => `127.${String(own)}.0.${String(host)}`;
  const free = await bound(address(1));
  const { port } = free.address();
  await close(free);
  const server = new DnsServer({
    clock: systemClock,
    log: silentLogger,
    resolvConf: '/nowhere',
    port,
  });
  const network = aNetworkOnNode({ subnet: `${address(0)}/16`, gateway: address(1) });
  server.setView({ networks: [network], projects, endpoints: endpoints(address) });
  server.start();
  return { server, gateway: address(1), address, port };
}

const web = (address: World['address'], slot: number, change: Partial<Endpoint> = {}): Endpoint =>
  anEndpoint({ slot, address: address(10 + slot), ...change });

function question(name: string, type: RecordType): Buffer {
  return encode({ type: 'query', id: 7, flags: 0x0100, questions: [{ name, type }] });
}

/** Queries over UDP, every 100 ms until the server listens. */
async function ask(to: World, name: string, type: RecordType = 'A'): Promise<Answered> {
  const socket = await bound(to.address(11));
  const message = question(name, type);
  const send = (): void => {
    socket.send(message, to.port, to.gateway);
  };
  const again = setInterval(send, 100);
  try {
    return await new Promise((resolve, reject) => {
      const deadline = setTimeout(() => {
        reject(new Error(`no answer for ${name}`));
      }, 8_000);
      socket.once('message', (answer) => {
        clearTimeout(deadline);
        resolve(decode(answer));
      });
      send();
    });
  } finally {
    clearInterval(again);
    await close(socket);
  }
}

const addressesIn = (packet: Answered): readonly string[] =>
  (packet.answers ?? []).flatMap((answer) => (answer.type === 'A' ? [answer.data] : [])).sort();

test('a service name resolves to its tasks that are up, with a short TTL', async (t) => {
  const it = await world((a) => [web(a, 1), web(a, 2), web(a, 3, { up: false })]);
  const answer = await ask(it, 'Web');
  t.deepEqual(addressesIn(answer), [it.address(11), it.address(12)]);
  t.is(answer.questions?.[0]?.name, 'Web');
  for (const each of answer.answers ?? []) t.true(each.type === 'A' && (each.ttl ?? 99) <= 5);
  it.server.stop();
});

test('each task is listed first about equally often', async (t) => {
  const it = await world((a) => [web(a, 1), web(a, 2)]);
  const first = new Map<string, number>();
  for (let round = 0; round < 60; round += 1) {
    const [answer] = (await ask(it, 'web')).answers ?? [];
    if (answer?.type === 'A') first.set(answer.data, (first.get(answer.data) ?? 0) + 1);
  }
  t.is(first.size, 2);
  t.true([...first.values()].every((count) => count > 8));
  it.server.stop();
});

test('a task marked down is missing from the next answer and returns once it is up', async (t) => {
  const it = await world((a) => [web(a, 1), web(a, 2)]);
  t.is(addressesIn(await ask(it, 'web')).length, 2);
  it.server.setDown(new Set(['task-shop-web-2' as TaskId]));
  t.deepEqual(addressesIn(await ask(it, 'web')), [it.address(11)]);
  it.server.setDown(new Set());
  t.is(addressesIn(await ask(it, 'web')).length, 2);
  it.server.stop();
});

test('a service without running tasks yields NXDOMAIN, other record types an empty answer', async (t) => {
  const it = await world((a) => [web(a, 1, { up: false })]);
  t.is((await ask(it, 'web')).rcode, 'NXDOMAIN');
  for (const type of ['AAAA', 'MX', 'TXT'] as const) {
    const answer = await ask(it, 'web', type);
    t.is(answer.rcode, 'NOERROR');
    t.is(answer.answers?.length, 0);
  }
  it.server.stop();
});

test('reverse lookups return container names, and NXDOMAIN for unassigned addresses', async (t) => {
  const it = await world((a) => [web(a, 1)]);
  const reverse = (host: number): string =>
    `${it.address(host).split('.').reverse().join('.')}.in-addr.arpa`;
  const [answer] = (await ask(it, reverse(11), 'PTR')).answers ?? [];
  t.is(answer?.type === 'PTR' && answer.data, 'shop-web-1');
  t.is((await ask(it, reverse(99), 'PTR')).rcode, 'NXDOMAIN');
  it.server.stop();
});

test('an SRV answer lists each task with the queried port', async (t) => {
  const it = await world((a) => [web(a, 1), web(a, 2)]);
  const answer = await ask(it, '_8080._tcp.web', 'SRV');
  const targets = (answer.answers ?? []).map((each) =>
    each.type === 'SRV' ? `${each.data.target}:${String(each.data.port)}` : '',
  );
  t.deepEqual(targets.sort(), ['shop-web-1:8080', 'shop-web-2:8080']);
  t.is(answer.additionals?.length, 2);
  it.server.stop();
});

test('an answer that is truncated over UDP is complete over TCP', async (t) => {
  const it = await world((a) => Array.from({ length: 60 }, (_, index) => web(a, index + 1)));
  t.true((await ask(it, 'web')).flag_tc);
  const answer = await new Promise<Answered>((resolve, reject) => {
    const reader = new DnsFrameReader();
    const socket = connect({ host: it.gateway, port: it.port, localAddress: it.address(11) });
    socket.on('error', reject);
    socket.on('data', (chunk: Buffer) => {
      const [message] = reader.push(chunk);
      if (message === undefined) return;
      socket.destroy();
      resolve(decode(message));
    });
    socket.write(frameDnsMessage(question('web', 'A')));
  });
  t.is(answer.answers?.length, 60);
  it.server.stop();
});

test("names of the client's project are never forwarded, not even with a search domain", async (t) => {
  const upstream = await bound('127.0.0.1');
  const asked: string[] = [];
  upstream.on('message', (message, from) => {
    const { id, questions } = decode(message);
    const name = questions?.[0]?.name ?? '';
    asked.push(name);
    const answers = [{ type: 'A' as const, name, ttl: 300, data: '192.0.2.7' }];
    upstream.send(encode({ type: 'response', id: id ?? 0, answers }), from.port, from.address);
  });
  const it = await world(
    (a) => [web(a, 1)],
    [{ project: 'shop', services: ['shop_web', 'shop_db'].map((name) => ({ name, aliases: [] })) }],
  );
  const upstreams = [`127.0.0.1:${String(upstream.address().port)}`];
  const config = { upstreams, searchDomains: ['Corp.Example.'] };
  it.server.setLocal(new Map([[it.address(11), config]]));
  for (const name of ['db', 'db.corp.example', 'shop-db-1.corp.example'])
    t.is((await ask(it, name)).rcode, 'NXDOMAIN', `"${name}" is forwarded`);
  t.deepEqual(asked, []);
  it.server.stop();
  await close(upstream);
});

test('one address has at most 16 connections, and the others still get one', async (t) => {
  const it = await world((a) => [web(a, 1)]);
  await ask(it, 'web');
  const open = (host: number): Promise<TcpSocket> =>
    new Promise((resolve, reject) => {
      const localAddress = it.address(host);
      const socket = connect({ host: it.gateway, port: it.port, localAddress }, () => {
        resolve(socket);
      });
      socket.once('error', reject);
      t.teardown(() => socket.destroy());
    });
  const sockets = await Promise.all(Array.from({ length: 16 }, () => open(11)));
  const refused = await open(11);
  refused.resume();
  await waitFor('the end of the last connection', () => refused.closed);
  const other = await open(12);
  const answered = once(other, 'data');
  other.write(frameDnsMessage(question('web', 'A')));
  await answered;
  t.true(sockets.every(({ closed }) => !closed));
  it.server.stop();
});

test('external names are forwarded to the container’s own servers, with failover to the next', async (t) => {
  const upstream = await bound('127.0.0.1');
  const silent = await bound('127.0.0.1');
  let asked = 0;
  upstream.on('message', (message, from) => {
    asked += 1;
    const { id, questions } = decode(message);
    const name = questions?.[0]?.name ?? '';
    const answer = encode({
      type: 'response',
      id: id ?? 0,
      questions: [{ name, type: 'A' }],
      answers: [{ type: 'A', name, ttl: 300, data: '192.0.2.7' }],
    });
    upstream.send(answer, from.port, from.address);
  });
  const it = await world((a) => [web(a, 1)]);
  const upstreams = [silent, upstream].map((each) => `127.0.0.1:${String(each.address().port)}`);
  it.server.setLocal(new Map([[it.address(11), { upstreams, searchDomains: [] }]]));
  t.deepEqual(addressesIn(await ask(it, 'example.org')), ['192.0.2.7']);
  t.deepEqual(addressesIn(await ask(it, 'example.org')), ['192.0.2.7']);
  t.is(asked, 1);
  it.server.stop();
  await Promise.all([close(upstream), close(silent)]);
});

test('an external name yields SERVFAIL without upstream servers', async (t) => {
  const it = await world((a) => [web(a, 1)]);
  t.is((await ask(it, 'example.org')).rcode, 'SERVFAIL');
  it.server.stop();
});

test('queries are counted as answered, forwarded and failed', async (t) => {
  const it = await world((address) => [web(address, 1)]);
  t.teardown(() => {
    it.server.stop();
  });
  await ask(it, 'web');
  const { queries: first } = it.server.counts;
  t.true(first >= 1);
  t.is(it.server.counts.answers, first);
  await ask(it, 'web');
  t.true(it.server.counts.queries > first);
  t.is(it.server.counts.forwarded, 0);
  // No upstream server is configured.
  t.is((await ask(it, 'example.org')).rcode, 'SERVFAIL');
  t.true(it.server.counts.forwarded >= 1);
  t.true(it.server.counts.failures >= 1);
});
