import test from 'ava';
import type { ApiRequest, GatewayContext } from '../../../../manager/gateway/context.js';
import { pinPull, pullCall, tagCall } from '../../../../manager/gateway/images/pinned-pull.js';
import { recordingLogger } from '../../../helpers/fakes/recording-logger.js';

const digest = `sha256:${'1'.repeat(64)}`;

function aPull(query: string, auth?: string): ApiRequest {
  return {
    ...{ path: '/images/create', method: 'POST', apiMinor: 45 },
    query: new URLSearchParams(query),
    distinctHeaders: auth === undefined ? {} : { 'x-registry-auth': [auth] },
  } as unknown as ApiRequest;
}

/** A manager that answers each `image.pin` in the same way. */
function gateway(answer: object = { digest }) {
  const calls: unknown[] = [];
  const { log, lines } = recordingLogger();
  const control = (name: string, args: object): Promise<object> => {
    calls.push([name, args]);
    return Promise.resolve(answer);
  };
  return { context: { control, log } as unknown as GatewayContext, calls, lines };
}

const encoded = (auth: object): string => Buffer.from(JSON.stringify(auth)).toString('base64url');

test('a tag is pinned anew with the credentials of the client', async (t) => {
  const { context, calls } = gateway();
  const auth = { username: 'ann', password: 'secret' };
  const pulled = await pinPull(context, aPull('', encoded(auth)), 'app:1');
  t.deepEqual(pulled, { image: 'app:1', digest });
  t.deepEqual(calls, [['image.pin', { image: 'app:1', refresh: true, auth }]]);
});

test('empty and malformed credentials are left out', async (t) => {
  for (const header of [encoded({ username: '' }), encoded({ username: 1 }), 'no JSON', '']) {
    const { context, calls } = gateway();
    await pinPull(context, aPull('', header), 'app:1');
    t.deepEqual(calls, [['image.pin', { image: 'app:1', refresh: true }]]);
  }
});

test('a pull of all tags is not pinned', async (t) => {
  const { context, calls } = gateway();
  t.deepEqual(await pinPull(context, aPull(''), 'host:5000/app'), { image: 'host:5000/app' });
  t.deepEqual(calls, []);
});

test('a registry that does not answer leaves the tag, and is logged', async (t) => {
  const { context, lines } = gateway({ problem: 'no route' });
  t.deepEqual(await pinPull(context, aPull(''), 'app:1'), { image: 'app:1' });
  t.deepEqual(lines, ['info: image app:1: not pinned: no route']);
});

test('engines pull the digest in place of the tag, for the same platform', (t) => {
  const request = aPull('fromImage=host:5000/app&tag=1&platform=linux/arm64');
  const { path } = pullCall(request, { image: 'host:5000/app:1', digest });
  const query = new URLSearchParams(path.split('?')[1]);
  t.deepEqual(Object.fromEntries(query), {
    fromImage: 'host:5000/app',
    tag: digest,
    platform: 'linux/arm64',
  });
  const unpinned = pullCall(request, { image: 'host:5000/app:1' });
  t.is(new URLSearchParams(unpinned.path.split('?')[1]).get('tag'), '1');
});

test('a pulled digest gets the name and tag of the pull', (t) => {
  t.deepEqual(tagCall(aPull(''), { image: 'host:5000/app:1', digest }), {
    method: 'POST',
    path: `/images/host:5000/app@${digest}/tag?repo=host%3A5000%2Fapp&tag=1`,
    apiMinor: 45,
  });
});
