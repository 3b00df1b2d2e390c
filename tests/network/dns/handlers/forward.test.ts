import test from 'ava';
import { encode } from 'dns-packet';
import { forwardHandler } from '../../../../network/dns/handlers/forward.js';
import { rcode, rcodeOf } from '../../../../network/dns/wire.js';
import { aQuery } from '../../../helpers/decisions/dns-query.js';

type Play = number | 'silent';

/** Asks servers that answer with a code or not at all; returns the answer and the exchanges. */
async function ask(plays: Readonly<Record<string, Play>>, transport: 'udp' | 'tcp' = 'udp') {
  const exchanges: string[] = [];
  const handler = forwardHandler((server, _query, over, timeoutMs) => {
    exchanges.push(`${server} ${over} ${timeoutMs}`);
    const play = plays[server] ?? 'silent';
    if (play === 'silent') return Promise.reject(new Error('no answer'));
    const questions = [{ type: 'A', name: 'example.org' }] as const;
    return Promise.resolve(
      encode({ type: 'response', id: 99, flags: play, questions: [...questions] }),
    );
  });
  const upstreams = Object.keys(plays);
  const answer = await handler(aQuery('example.org', { id: 5, upstreams, transport }), () =>
    Promise.reject(new Error('the chain ends here')),
  );
  return { id: answer.readUInt16BE(0), code: rcodeOf(answer), exchanges };
}

test('the first server that knows the answer is enough', async (t) => {
  for (const code of [rcode.noError, rcode.nameError]) {
    const { exchanges, ...answer } = await ask({ a: code, b: 0 });
    t.deepEqual(answer, { id: 5, code });
    t.deepEqual(exchanges, ['a udp 1000']);
  }
});

test('a silent or failing server is followed by the next, twice around', async (t) => {
  const found = await ask({ a: 'silent', b: rcode.serverFailure, c: 0 }, 'tcp');
  t.is(found.code, rcode.noError);
  t.deepEqual(found.exchanges, ['a tcp 666', 'b tcp 666', 'c tcp 666']);
  const lost = await ask({ a: 'silent', b: 'silent' });
  t.is(lost.code, rcode.serverFailure);
  t.deepEqual(lost.exchanges, ['a udp 1000', 'b udp 1000', 'a udp 1000', 'b udp 1000']);
});

test('if no server knows the answer, the first failure is passed on', async (t) => {
  const { id, code } = await ask({ a: 'silent', b: 5, c: rcode.serverFailure });
  t.deepEqual({ id, code }, { id: 5, code: 5 });
});

test('many servers share the time that a client waits', async (t) => {
  const servers = Array.from({ length: 10 }, (_, at) => [`s${at}`, 'silent'] as const);
  const { exchanges } = await ask(Object.fromEntries(servers));
  t.deepEqual(
    exchanges,
    Array.from({ length: 8 }, (_, at) => `s${at} udp 500`),
  );
});

test('without servers the answer is a failure at once', async (t) => {
  t.deepEqual(await ask({}), { id: 5, code: rcode.serverFailure, exchanges: [] });
});
