import test from 'ava';
import { decode } from 'dns-packet';
import { aNetworkOnNode, anEndpoint } from '../../../../fixtures/cluster/network-view.js';
import type { Endpoint } from '../../../../manager/common/model/network-view.js';
import {
  randomStart,
  serviceHandler,
  type ServiceDirectory,
} from '../../../../network/dns/handlers/service.js';
import { NameIndex } from '../../../../network/dns/records.js';
import { noRecords } from '../../../../network/dns/wire.js';
import { aQuery, type QueryOptions } from '../../../helpers/decisions/dns-query.js';

const web = (slot: number, changes: Partial<Endpoint> = {}): Endpoint =>
  anEndpoint({ slot, address: `10.210.0.${10 + slot}`, ...changes });

interface Answered {
  readonly code: string | undefined;
  readonly addresses: readonly string[];
  readonly ports: readonly string[];
  readonly wasPassedOn: boolean;
  readonly ttls: readonly (number | undefined)[];
}

/** Asks for a name where these endpoints exist; `draws` are the random numbers, then zero. */
async function ask(
  endpoints: readonly Endpoint[],
  name: string,
  options: QueryOptions & { draws?: number[]; hostDomains?: readonly string[] } = {},
): Promise<Answered> {
  const { draws = [], hostDomains = [] } = options;
  const index = new NameIndex({ networks: [aNetworkOnNode()], endpoints, projects: [] });
  const directory: ServiceDirectory = {
    index: () => index,
    isUp: ({ up }) => up,
    searchDomains: () => hostDomains,
    random: () => draws.shift() ?? 0,
  };
  let wasPassedOn = false;
  const query = aQuery(name, options);
  const answer = await serviceHandler(directory)(query, () => {
    wasPassedOn = true;
    return Promise.resolve(query.message);
  });
  const decoded = decode(answer) as ReturnType<typeof decode> & { readonly rcode?: string };
  const answers = decoded.answers ?? [];
  return {
    code: decoded.rcode,
    addresses: answers.flatMap((each) => (each.type === 'A' ? [each.data] : [])),
    ports: answers.flatMap((each) =>
      each.type === 'SRV' ? [`${each.data.target}:${each.data.port}`] : [],
    ),
    ttls: answers.map((each) => ('ttl' in each ? each.ttl : undefined)),
    wasPassedOn,
  };
}

test('a name resolves to the tasks that are up, each address once, for one second', async (t) => {
  const twice = web(1, { id: 'again' });
  const endpoints = [web(1), twice, web(2), web(3, { up: false })];
  for (const type of ['A', 'ANY'] as const) {
    const { addresses, ttls } = await ask(endpoints, 'WEB', { type });
    t.deepEqual(addresses.toSorted(), ['10.210.0.11', '10.210.0.12']);
    t.deepEqual(ttls, [1, 1]);
  }
});

test('without a task that is up the name does not exist, other types have no records', async (t) => {
  const down = [web(1, { up: false })];
  t.is((await ask(down, 'web')).code, 'NXDOMAIN');
  t.like(await ask(down, 'web', { type: 'AAAA' }), { code: 'NOERROR', addresses: [] });
  t.like(await ask([web(1)], 'web', { type: 'MX' }), { code: 'NOERROR', addresses: [] });
});

test('other names are passed on', async (t) => {
  for (const type of ['A', 'SRV'] as const)
    t.true((await ask([web(1)], 'example.org', { type })).wasPassedOn);
  t.false((await ask([web(1)], 'web')).wasPassedOn);
});

test('a search domain behind a cluster name is ignored, first the client’s, else the host’s', async (t) => {
  const found = async (name: string, options: Parameters<typeof ask>[2]): Promise<boolean> =>
    (await ask([web(1)], name, options)).addresses.length === 1;
  const hostDomains = ['lab.example', 'corp.example'];
  t.true(await found('web.corp.example', { hostDomains }));
  t.false(await found('web.corp.example', {}));
  t.false(await found('webcorp.example', { hostDomains }));
  t.true(await found('web.own.example', { hostDomains, searchDomains: ['own.example'] }));
  t.false(await found('web.corp.example', { hostDomains, searchDomains: ['own.example'] }));
});

test('the order of the tasks is drawn anew: every one may come first', async (t) => {
  const endpoints = [web(1), web(2), web(3)];
  const firsts = new Set<string | undefined>();
  for (const draw of [0, 0.34, 0.67, 0.99])
    firsts.add((await ask(endpoints, 'web', { draws: [0.99, 0.99, draw] })).addresses[0]);
  t.is(firsts.size, 3);
  const orders = new Set<string>();
  for (const first of [0, 0.34, 0.67])
    for (const second of [0, 0.5])
      orders.add((await ask(endpoints, 'web', { draws: [first, second] })).addresses.join());
  t.is(orders.size, 6, 'every order is equally likely');
});

test('a start is drawn only if there is a choice', (t) => {
  const draws = (count: number): number => randomStart({ ...noRecords(0), count }, () => 0.99);
  t.deepEqual([0, 1, 2, 3].map(draws), [0, 0, 1, 2]);
});

test('an SRV query with a numeric port lists the tasks that are up with that port', async (t) => {
  const endpoints = [web(1), web(2), web(3, { up: false })];
  for (const name of ['_8080._tcp.web', '_8080._udp.tasks.web'])
    t.deepEqual((await ask(endpoints, name, { type: 'SRV' })).ports.toSorted(), [
      'shop-web-1:8080',
      'shop-web-2:8080',
    ]);
  const first = async (draw: number): Promise<string | undefined> =>
    (await ask(endpoints, '_1._tcp.web', { type: 'SRV', draws: [draw] })).ports[0];
  t.not(await first(0), await first(0.99));
});

test('an SRV query without a usable port has an empty answer', async (t) => {
  for (const name of ['_http._tcp.web', '_0._tcp.web', '_65536._tcp.web', '_1.5._tcp.web', 'web']) {
    const answer = await ask([web(1)], name, { type: 'SRV' });
    t.like(answer, { ports: [], code: 'NOERROR', wasPassedOn: name === '_1.5._tcp.web' });
  }
  for (const port of ['1', '65535'])
    t.is((await ask([web(1)], `_${port}._tcp.web`, { type: 'SRV' })).ports.length, 1);
});
