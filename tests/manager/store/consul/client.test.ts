import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { AppError } from '../../../../manager/common/base/errors.js';
import { ConsulCatalog } from '../../../../manager/store/consul/catalog.js';
import { ConsulClient } from '../../../../manager/store/consul/client.js';
import { isUnknownOutcome } from '../../../../manager/store/consul/errors.js';
import { ConsulManagerRegistry } from '../../../../manager/store/consul/members.js';

/** A client of a server that gives every request the same answer. */
async function answering(t: ExecutionContext, answer: unknown): Promise<ConsulClient> {
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answer));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  const client = new ConsulClient({
    servers: [{ host: '127.0.0.1', port }],
    prefix: 'shoal',
    token: undefined,
  });
  t.teardown(() => {
    client.close();
    server.closeAllConnections();
    server.close();
  });
  return client;
}

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
  const operation = { verb: 'set', key: 'a', value: Buffer.from('x') } as const;
  const error: unknown = await t.throwsAsync(client.transact([operation]));
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
