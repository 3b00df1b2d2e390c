import test from 'ava';
import { decode } from 'dns-packet';
import { aNetworkOnNode, anEndpoint } from '../../../../fixtures/cluster/network-view.js';
import { reverseHandler } from '../../../../network/dns/handlers/reverse.js';
import { NameIndex } from '../../../../network/dns/records.js';
import { aQuery, type QueryOptions } from '../../../helpers/decisions/dns-query.js';

const index = new NameIndex({
  networks: [aNetworkOnNode()],
  endpoints: [anEndpoint({ address: '10.210.0.11' })],
  projects: [],
});

/** The container name, the code of an answer without one, or `passed on`. */
async function ask(name: string, options: QueryOptions = {}): Promise<unknown> {
  const query = aQuery(name, { type: 'PTR', ...options });
  const passedOn = Buffer.from('passed on');
  const message = await reverseHandler({ index: () => index })(query, () =>
    Promise.resolve(passedOn),
  );
  if (message === passedOn) return 'passed on';
  const answer = decode(message) as ReturnType<typeof decode> & { readonly rcode?: string };
  const [first] = answer.answers ?? [];
  return first?.type === 'PTR' ? `${first.data} ${first.ttl ?? ''}` : answer.rcode;
}

test('an address of the client’s networks has the name of its container', async (t) => {
  t.is(await ask('11.0.210.10.in-addr.arpa'), 'shop-web-1 1');
});

test('an unassigned address of the client’s networks has no name', async (t) => {
  t.is(await ask('99.0.210.10.in-addr.arpa'), 'NXDOMAIN');
});

test('other addresses, names and types are passed on', async (t) => {
  t.is(await ask('11.0.211.10.in-addr.arpa'), 'passed on');
  t.is(await ask('300.0.210.10.in-addr.arpa'), 'passed on');
  t.is(await ask('0.210.10.in-addr.arpa'), 'passed on');
  t.is(await ask('web'), 'passed on');
  t.is(await ask('11.0.210.10.in-addr.arpa', { type: 'TXT' }), 'passed on');
  t.is(await ask('11.0.210.10.in-addr.arpa', { scope: { networkIds: [] } }), 'passed on');
});
