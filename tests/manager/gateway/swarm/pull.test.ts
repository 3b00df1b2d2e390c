import test from 'ava';
import { aNode, aServiceSpec } from '../../../../fixtures/cluster/build.js';
import { encodeStreamFrame } from '../../../../manager/common/protocol/frames.js';
import type { WorkerStreamRequest } from '../../../../manager/common/protocol/worker-calls.js';
import type { ApiRequest, GatewayContext } from '../../../../manager/gateway/context.js';
import { pullForService } from '../../../../manager/gateway/swarm/pull.js';
import { messagePair } from '../../../helpers/fakes/message-pair.js';
import { recordingLogger } from '../../../helpers/fakes/recording-logger.js';
import { openTestStore } from '../../../helpers/stores/memory-store.js';

const encoded = (auth: object): string => Buffer.from(JSON.stringify(auth)).toString('base64url');
const login = encoded({ username: 'ann', password: 'secret' });
const digest = `sha256:${'1'.repeat(64)}`;

/** A cluster of one node whose engine answers each request with these chunks. */
async function gateway(chunks: readonly string[] = ['{"status":"done"}\r\n']) {
  const store = await openTestStore();
  await store.update('restore', (tx) => tx.create('nodes', aNode('w1')));
  const asked: Extract<WorkerStreamRequest, { kind: 'engine' }>[] = [];
  const calls: string[] = [];
  const open = async (_node: string, request: WorkerStreamRequest): Promise<object> => {
    if (request.kind === 'engine') asked.push(request);
    const [stream, far] = messagePair();
    await far.send(JSON.stringify({ status: 200, headers: {} }));
    for (const chunk of chunks) await far.send(encodeStreamFrame('stdout', chunk));
    await far.send(encodeStreamFrame('exit', ''));
    return { streamId: 's', stream };
  };
  const context = {
    ...{ store, log: recordingLogger().log, note: () => Promise.resolve() },
    workers: { call: () => Promise.resolve(null), open },
    control: (name: string) => {
      calls.push(name);
      return Promise.resolve(name === 'image.pin' ? { digest } : null);
    },
  } as unknown as GatewayContext;
  const pull = (auth: string | undefined, image: string): Promise<void> =>
    pullForService(
      context,
      {
        ...{ path: '/services/create', method: 'POST', apiMinor: 45, query: new URLSearchParams() },
        ...{ signal: new AbortController().signal, headers: {} },
        distinctHeaders: auth === undefined ? {} : { 'x-registry-auth': [auth] },
      } as unknown as ApiRequest,
      aServiceSpec('web', { task: { container: { image } } }),
    );
  return { pull, asked, calls };
}

test('an image is pulled with the credentials of --with-registry-auth, by its digest', async (t) => {
  const { pull, asked, calls } = await gateway();
  await pull(login, 'host:5000/app');
  const [first] = asked;
  t.is(first?.path.split('?')[0], '/images/create');
  t.is(new URLSearchParams(first?.path.split('?')[1]).get('fromImage'), 'host:5000/app');
  t.is(new URLSearchParams(first?.path.split('?')[1]).get('tag'), digest);
  t.deepEqual(first?.headers['x-registry-auth'], [login]);
  t.deepEqual(calls, ['image.pin', 'image.record']);
});

test('without credentials each node pulls for itself', async (t) => {
  const empty = [undefined, '', 'no JSON', encoded({}), encoded({ serveraddress: 'host:5000' })];
  for (const header of empty) {
    const { pull, asked, calls } = await gateway();
    await pull(header, 'app:1');
    t.deepEqual([asked, calls], [[], []], `header ${header ?? ''}`);
  }
});

test('a refused pull is reported, also if its line arrives in pieces', async (t) => {
  const { pull } = await gateway(['{"status":"1"}\r\n{"error":"denied: \\"ap', 'p\\""}\r\n']);
  await t.throwsAsync(pull(login, 'app:1'), { message: 'image app:1: denied: "app"' });
});
