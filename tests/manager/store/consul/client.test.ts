import type { ExecutionContext } from 'ava';
import test from 'ava';
import {
  AppError,
  isConflict,
  isForbidden,
  isInvalid,
} from '../../../../manager/common/base/errors.js';
import { ConsulCatalog } from '../../../../manager/store/consul/catalog.js';
import type { RetryTimer } from '../../../../manager/store/consul/client.js';
import { ConsulClient } from '../../../../manager/store/consul/client.js';
import { isUnknownOutcome } from '../../../../manager/store/consul/errors.js';
import { ConsulManagerRegistry } from '../../../../manager/store/consul/members.js';
import type { Answerer, ConsulRequest } from '../../../helpers/fakes/fake-consul.js';
import { clientOfPorts, startFakeServer } from '../../../helpers/fakes/fake-consul.js';

/** A client of a server that gives every request the same answer. */
async function answering(t: ExecutionContext, body: unknown): Promise<ConsulClient> {
  const { port } = await startFakeServer(t, () => ({ body }));
  return clientOfPorts(t, [port]);
}

/** A client with a server that answers as `answer` says, and what was asked of it. */
async function asking(
  t: ExecutionContext,
  answer: Answerer,
  token?: string,
): Promise<{ readonly client: ConsulClient; readonly requests: readonly ConsulRequest[] }> {
  const { port, requests } = await startFakeServer(t, answer);
  return { client: clientOfPorts(t, [port], token === undefined ? {} : { token }), requests };
}

/** A timer whose pauses end at once; `paused` has their lengths. */
class FakeTimer implements RetryTimer {
  readonly paused: number[] = [];

  elapsed(): number {
    return this.paused.reduce((sum, delayMs) => sum + delayMs, 0);
  }

  pause(delayMs: number): Promise<void> {
    this.paused.push(delayMs);
    return Promise.resolve();
  }
}

const write = { verb: 'set', key: 'a', value: Buffer.from('x') } as const;

/** A port that nothing listens on. */
const closedPort = 1;

const hint = 'check that the address is that of a Consul server';

test('a server that is not Consul is unsupported', async (t) => {
  for (const answer of [{}, { Config: { Version: 7 } }, ['1.9']]) {
    const client = await answering(t, answer);
    const error = await t.throwsAsync(client.checkVersion(), { instanceOf: AppError });
    t.is(error.kind, 'unsupported');
    t.regex(error.message, /not a consul server; check the address$/u);
  }
});

test('a malformed entry is refused with its field', async (t) => {
  const client = await answering(t, [{ Key: 'a', Value: 'eA==', Flags: '0', ModifyIndex: 3 }]);
  await t.throwsAsync(client.list('a'), {
    message: `consul: answer with entries: [0].Flags must be a non-negative integer; ${hint}`,
  });
});

test('a malformed answer to a transaction leaves its outcome unknown', async (t) => {
  const client = await answering(t, { Results: [{ KV: { Key: 'a', ModifyIndex: '3' } }] });
  const error: unknown = await t.throwsAsync(client.transact([write]));
  t.true(isUnknownOutcome(error));
  t.regex(String(error), /Results\[0\]\.KV\.ModifyIndex must be a non-negative integer/u);
});

test('malformed keys, managers and catalog nodes are refused with their field', async (t) => {
  const client = await answering(t, [{ Node: 7 }]);
  await t.throwsAsync(client.keys('a'), {
    message: `consul: answer with keys: [0] must be a string; ${hint}`,
  });
  const registry = new ConsulManagerRegistry(client, { id: 'c1', name: 'test' });
  await t.throwsAsync(registry.list(), {
    message: `consul: answer with managers: [0].Node must be an object; ${hint}`,
  });
  await t.throwsAsync(new ConsulCatalog(client, 'c1').read(), {
    message: `consul: answer with nodes: [0].Node must be a string; ${hint}`,
  });
});

test('Consul 1.7 and later is supported, an older one is named', async (t) => {
  const check = async (version: string): Promise<string> => {
    const client = await answering(t, { Config: { Version: version } });
    try {
      await client.checkVersion();
    } catch (error) {
      if (error instanceof AppError && error.kind === 'unsupported') return error.message;
      throw error;
    }
    return '';
  };
  for (const version of ['1.7.0', '1.20.1', '2.0.0', '10.1.0+ent']) t.is(await check(version), '');
  for (const version of ['1.6.9', '0.9.3', '0.10.0']) {
    t.regex(
      await check(version),
      /^consul at 127\.0\.0\.1:\d+: version \S+ is too old; upgrade to 1\.7 or later$/u,
    );
  }
});

test('a token that may not read the version is no reason to refuse the server', async (t) => {
  const { client, requests } = await asking(t, () => ({ status: 403, body: '' }), 's3cret');
  await t.notThrowsAsync(client.checkVersion());
  t.is(requests[0]?.headers['x-consul-token'], 's3cret');
  const broken = await asking(t, () => ({ status: 500, body: 'rpc error' }));
  await t.throwsAsync(broken.client.checkVersion(), { message: /did not answer: rpc error$/u });
});

test('a transaction is sent as it is and answers with the new indexes', async (t) => {
  const Results = [{ KV: { Key: 'a', ModifyIndex: 7 } }, {}, { KV: { Key: 'b', ModifyIndex: 7 } }];
  const { client, requests } = await asking(t, () => ({ body: { Results } }));
  const done = await client.transact([
    { verb: 'check-index', key: 'lock', index: 3 },
    { verb: 'cas', key: 'a', value: Buffer.from('x'), index: 0, flags: 9 },
    { verb: 'set', key: 'b', value: Buffer.from('y') },
    { verb: 'delete-cas', key: 'c', index: 4 },
    { verb: 'delete', key: 'd' },
  ]);
  t.deepEqual([...done], [
    ['a', 7],
    ['b', 7],
  ] as never);
  t.is(requests[0]?.line, 'PUT /v1/txn');
  t.deepEqual(requests[0]?.body, [
    { KV: { Verb: 'check-index', Key: 'lock', Index: 3 } },
    { KV: { Verb: 'cas', Key: 'a', Value: 'eA==', Flags: 9, Index: 0 } },
    { KV: { Verb: 'set', Key: 'b', Value: 'eQ==', Flags: 0 } },
    { KV: { Verb: 'delete-cas', Key: 'c', Index: 4 } },
    { KV: { Verb: 'delete', Key: 'd' } },
  ]);
  const refused = await asking(t, () => ({ status: 409, body: { Errors: [] } }));
  t.true(isConflict(await t.throwsAsync(refused.client.transact([write]))));
});

const entry = { Key: 'a', Value: 'eA==', Flags: 5, ModifyIndex: 3, Session: 's1' };

test('one key is read consistently, or is undefined', async (t) => {
  const { client, requests } = await asking(t, ({ line }) =>
    line.endsWith('/a') ? { body: [entry] } : { status: 404 },
  );
  t.deepEqual(await client.get('a'), {
    ...{ key: 'a', value: Buffer.from('x'), flags: 5, index: 3, session: 's1' },
  });
  t.is(await client.get('b'), undefined);
  t.true(requests.every(({ query }) => query.has('consistent') && !query.has('recurse')));
});

test('a list has every entry below a prefix, also those without a value', async (t) => {
  const empty = { Key: 'b', Value: null, Flags: 0, ModifyIndex: 4 };
  const { client, requests } = await asking(t, ({ line }) =>
    line.endsWith('/p/') ? { body: [entry, empty] } : { status: 404 },
  );
  const found = await client.list('p/');
  t.deepEqual(
    found.map(({ key, value, session }) => [key, value.toString(), session]),
    [
      ['a', 'x', 's1'],
      ['b', '', undefined],
    ],
  );
  t.deepEqual(await client.list('q/'), []);
  t.true(requests.every(({ query }) => query.has('consistent') && query.has('recurse')));
});

test('keys below a prefix are read, none if there is none', async (t) => {
  const { client, requests } = await asking(t, ({ line }) => {
    if (line.endsWith('/p/')) return { body: ['p/a', 'p/b'] };
    return line.endsWith('/q/') ? { status: 404 } : { status: 403, body: '' };
  });
  t.deepEqual(await client.keys('p/'), ['p/a', 'p/b']);
  t.true(requests[0]?.query.has('keys'));
  t.true(requests[0]?.query.has('consistent'));
  t.deepEqual(await client.keys('q/'), []);
  t.true(isForbidden(await t.throwsAsync(client.keys('r/'))));
});

test('all keys below a prefix are deleted in one request', async (t) => {
  const { client, requests } = await asking(t, () => ({ body: true }));
  await client.removeAll('p/');
  t.is(requests.length, 1);
  t.is(requests[0]?.line, 'DELETE /v1/kv/p/');
  t.true(requests[0]?.query.has('recurse'));
});

test('a blocking query says which index is known and how long it waits', async (t) => {
  const { client, requests } = await asking(t, () => ({ body: [entry] }));
  t.is((await client.waitForChange('a', 2, 700))?.index, 3);
  t.is(requests[0]?.query.get('index'), '2');
  t.is(requests[0]?.query.get('wait'), '700ms');
});

test('a request that no server got is sent to the next one, where later ones go first', async (t) => {
  const { port, requests } = await startFakeServer(t, () => ({ body: [entry] }));
  const timer = new FakeTimer();
  const client = clientOfPorts(t, [closedPort, port], { timer });
  await client.get('a');
  t.deepEqual([client.requests, requests.length], [2, 1]);
  await client.get('a');
  t.deepEqual([client.requests, requests.length, timer.paused], [3, 2, []]);
});

test('servers without a leader are asked again after each round until one has a leader', async (t) => {
  const leaderless = { status: 500, body: 'No cluster leader' };
  let asked = 0;
  const answer: Answerer = () => {
    asked += 1;
    return asked <= 5 ? leaderless : { body: [entry] };
  };
  const servers = await Promise.all([startFakeServer(t, answer), startFakeServer(t, answer)]);
  const timer = new FakeTimer();
  const ports = servers.map(({ port }) => port);
  t.is((await clientOfPorts(t, ports, { timer }).get('a'))?.index, 3);
  t.deepEqual(timer.paused, [250, 250]);
});

test('a request is given up after three seconds without a reachable server', async (t) => {
  const timer = new FakeTimer();
  const client = clientOfPorts(t, [closedPort, closedPort], { timer });
  const error = await t.throwsAsync(client.get('a'), { instanceOf: AppError });
  t.is(error.kind, 'unavailable');
  t.is(error.message, 'consul at 127.0.0.1:1 cannot be reached: ECONNREFUSED');
  t.is(timer.elapsed(), 3_250);
  t.is(client.requests, 28);
});

test('a read without an answer is repeated once, at the next server', async (t) => {
  const lost = await startFakeServer(t, () => 'hang-up');
  const found = await startFakeServer(t, () => ({ body: [entry] }));
  const client = clientOfPorts(t, [lost.port, found.port]);
  t.is((await client.get('a'))?.index, 3);
  t.deepEqual([lost.requests.length, found.requests.length], [1, 1]);
  const nowhere = clientOfPorts(t, [lost.port]);
  t.true(isUnknownOutcome(await t.throwsAsync(nowhere.get('a'))));
  t.is(lost.requests.length, 3);
});

test('a write without an answer is not repeated', async (t) => {
  const { port, requests } = await startFakeServer(t, () => 'hang-up');
  const client = clientOfPorts(t, [port]);
  t.true(isUnknownOutcome(await t.throwsAsync(client.transact([write]))));
  t.is(requests.length, 1);
});

test('a client without servers is refused', async (t) => {
  const error = await t.throwsAsync(clientOfPorts(t, []).get('a'));
  t.true(isInvalid(error));
  t.is(error.message, 'consul: no server address is configured');
});
