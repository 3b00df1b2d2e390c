import type { Socket as UdpSocket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { aNetworkOnNode, anEndpoint } from '../../../fixtures/cluster/network-view.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import type { NameView } from '../../../manager/common/model/network-view.js';
import { DnsServer } from '../../../network/dns/server.js';
import { frameDnsMessage } from '../../../network/dns/frames.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { startHostileUpstream } from '../hostile-upstream.js';
import { below, mutate, pick, randomBytes } from '../mutate.js';
import type { Campaign, FuzzTarget } from '../target.js';

/**
 * The DNS server of a node with hostile clients, over UDP and TCP, and a hostile upstream server.
 * All of it is on loopback addresses.
 */
const host = (last: number): string => `127.77.0.${String(last)}`;
const gateway = host(1);
const clients = [11, 12, 13, 14, 15, 16, 17, 18] as const;
const upstreamAddress = '127.77.1.1';
const maxConnections = 24;

export const target: FuzzTarget = {
  async run(campaign) {
    const port = await freePort();
    const upstream = await startHostileUpstream(upstreamAddress, campaign.random);
    const server = new DnsServer({
      ...{ clock: systemClock, log: silentLogger, resolvConf: '/nowhere', port },
      random: campaign.random,
    });
    server.setView(viewOf(campaign.random));
    const config = { upstreams: [upstream.server], searchDomains: ['corp.example'] };
    server.setLocal(new Map(clients.map((last) => [host(last), config])));
    server.start();
    const sockets = await Promise.all(clients.map((last) => openClient(last, port, campaign)));
    let connections = 0;
    while (!campaign.isOver()) {
      for (const socket of sockets) {
        const query = anyMessage(campaign.random);
        campaign.record(query);
        if (query.length > 0) socket.send(query);
      }
      if (campaign.random() < 0.05 && connections < maxConnections) {
        connections += 1;
        void attackByTcp(port, campaign).then(() => {
          connections -= 1;
        });
      }
      if (campaign.random() < 0.002) server.setView(viewOf(campaign.random));
      await nextTurn();
    }
    server.stop();
    upstream.close();
    for (const socket of sockets) socket.close();
  },
};

async function freePort(): Promise<number> {
  const socket = createSocket('udp4');
  socket.bind(0, gateway);
  await once(socket, 'listening');
  const { port } = socket.address();
  socket.close();
  return port;
}

async function openClient(last: number, port: number, campaign: Campaign): Promise<UdpSocket> {
  const socket = createSocket('udp4');
  socket.on('message', campaign.answered);
  socket.on('error', () => undefined);
  socket.bind(0, host(last));
  await once(socket, 'listening');
  socket.connect(port, gateway);
  await once(socket, 'connect');
  return socket;
}

/** A view with a random number of tasks; client 18 is on an internal network only. */
function viewOf(random: () => number): NameView {
  const network = aNetworkOnNode({ subnet: '127.77.0.0/16', gateway });
  const others = below(random, 200);
  const services = ['web', 'db', 'a'.repeat(63), 'x_y-z'] as const;
  const endpoints = [
    ...clients.map((last) => anEndpoint({ slot: last, address: host(last) })),
    ...Array.from({ length: others }, (_, at) =>
      anEndpoint({
        service: pick(random, services),
        slot: 100 + at,
        address: `127.77.${String(2 + (at >> 6))}.${String(1 + (at & 63))}`,
        up: random() < 0.8,
      }),
    ),
  ];
  const names = services.map((key) => ({ name: `shop_${key}`, aliases: [key] }));
  return { networks: [network], endpoints, projects: [{ project: 'shop', services: names }] };
}

const names = [
  'web',
  'WEB.shop',
  'shop-web-11',
  'db',
  `${'a'.repeat(63)}.shop`,
  'web.corp.example',
  'example.org',
  'x.example.org',
  '_http._tcp.web',
  '11.0.77.127.in-addr.arpa',
  '1.0.0.10.in-addr.arpa',
  '',
  Array.from({ length: 120 }, () => 'a').join('.'),
] as const;
/** A, NS, CNAME, SOA, PTR, MX, TXT, AAAA, SRV, OPT, IXFR, AXFR, ANY and unassigned ones. */
const types = [1, 2, 5, 6, 12, 15, 16, 28, 33, 41, 251, 252, 255, 0, 65_535] as const;

/** A well-formed query. */
function query(random: () => number): Buffer {
  const labels = pick(random, names)
    .split('.')
    .filter((label) => label !== '')
    .map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const hasOptions = random() < 0.3;
  const type = pick(random, types);
  const ending = Buffer.from([0, type >> 8, type & 0xff, 0, random() < 0.95 ? 1 : 3]);
  const counts = Buffer.from([1, 0, 0, 1, 0, 0, 0, 0, 0, hasOptions ? 1 : 0]);
  const options = hasOptions ? [optRecord(random)] : [];
  return Buffer.concat([randomBytes(random, 2), counts, ...labels, ending, ...options]);
}

/** An EDNS record (RFC 6891) with a random payload size and options. */
function optRecord(random: () => number): Buffer {
  const data = randomBytes(random, below(random, 12));
  const size = randomBytes(random, 2);
  return Buffer.concat([
    Buffer.from([0, 0, 41]),
    size,
    Buffer.alloc(5),
    Buffer.from([data.length]),
    data,
  ]);
}

function anyMessage(random: () => number): Buffer {
  const kind = random();
  if (kind < 0.3) return query(random);
  if (kind < 0.9) return mutate(random, query(random));
  return randomBytes(random, below(random, 600));
}

/** Longest life of a hostile connection, ms. */
const connectionMs = 3_000;

/** One connection that pipelines queries and may not read, stop in a frame or vanish. */
async function attackByTcp(
  port: number,
  { random, record, answered, isOver }: Campaign,
): Promise<void> {
  const localAddress = host(pick(random, clients));
  const socket = connect({ host: gateway, port, localAddress });
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      resolve();
    });
  });
  socket.on('error', () => undefined);
  socket.setTimeout(connectionMs, () => socket.destroy());
  if (random() < 0.5) socket.on('data', answered);
  else socket.pause();
  for (let left = below(random, 400); left > 0 && !socket.destroyed && !isOver(); left -= 1) {
    const message = anyMessage(random);
    record(message);
    const frame = random() < 0.9 ? frameDnsMessage(message) : mutate(random, message);
    const cut = random() < 0.2 ? below(random, frame.length) : frame.length;
    socket.write(frame.subarray(0, cut));
    if (cut < frame.length && random() < 0.5) socket.write(frame.subarray(cut));
    if (left % 20 === 0) await nextTurn();
  }
  if (random() < 0.3) socket.resetAndDestroy();
  else socket.end();
  await closed;
}
