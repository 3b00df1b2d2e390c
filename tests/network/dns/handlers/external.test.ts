import test from 'ava';
import { encode } from 'dns-packet';
import { deferred } from '../../../../manager/common/base/cancellation.js';
import { externalHandler } from '../../../../network/dns/handlers/external.js';
import type { Query } from '../../../../network/dns/query.js';
import { rcode, rcodeOf, readQuestion } from '../../../../network/dns/wire.js';

function aQuery(client: string, external = true): Query {
  const name = 'example.org';
  const message = encode({ type: 'query', id: 7, questions: [{ type: 'A', name }] });
  const question = readQuestion(message, 'udp');
  if (question === undefined) throw new Error('the query is malformed');
  const scope = { networkIds: [], project: '', external };
  return {
    message,
    question,
    name,
    scope,
    client,
    transport: 'udp',
    upstreams: [],
    searchDomains: [],
  };
}

/** Sends `count` queries of a client that no server answers; returns the number let through. */
function ask(handler: ReturnType<typeof externalHandler>, client: string, count: number) {
  let passed = 0;
  const pending = deferred<Buffer>();
  const next = () => {
    passed += 1;
    return pending.promise;
  };
  for (let sent = 0; sent < count; sent += 1) void handler(aQuery(client), next);
  return {
    passed: () => passed,
    answer: (message: Buffer) => {
      pending.resolve(message);
    },
  };
}

test('a client on internal networks only gets NXDOMAIN for external names', async (t) => {
  const handler = externalHandler();
  const answer = await handler(aQuery('10.0.0.2', false), () => {
    throw new Error('the query left the cluster');
  });
  t.is(rcodeOf(answer), rcode.nameError);
});

test('one client cannot hold more than half of the external queries in progress', async (t) => {
  const handler = externalHandler();
  t.is(ask(handler, '10.0.0.2', 2_000).passed(), 256);
  t.is(ask(handler, '10.0.0.3', 100).passed(), 100);
  const refused = await handler(aQuery('10.0.0.2'), () => Promise.reject(new Error('passed')));
  t.is(rcodeOf(refused), rcode.serverFailure);
});

test('all clients together hold at most 512 external queries', (t) => {
  const handler = externalHandler();
  const passed = Array.from({ length: 200 }, (_, at) =>
    ask(handler, `10.0.1.${String(at)}`, 2_000).passed(),
  );
  t.is(
    passed.reduce((sum, count) => sum + count, 0),
    512,
  );
});

test('answered queries free their places', async (t) => {
  const handler = externalHandler();
  const first = ask(handler, '10.0.0.2', 256);
  first.answer(Buffer.alloc(12));
  await new Promise(setImmediate);
  t.is(ask(handler, '10.0.0.2', 2_000).passed(), 256);
});
