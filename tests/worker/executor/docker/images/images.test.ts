import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { aContainer } from '../../../../../fixtures/cluster/build.js';
import { systemClock } from '../../../../../manager/common/base/clock.js';
import { messageOf } from '../../../../../manager/common/base/errors.js';
import type { ContainerSpec } from '../../../../../manager/common/model/container.js';
import { EngineClient } from '../../../../../worker/executor/docker/client.js';
import { Images } from '../../../../../worker/executor/docker/images/images.js';

interface Sources {
  /** Id of the local image `app:1`; undefined without one. */
  local?: string;
  /** Id that the registry has now. */
  registry?: string;
  /** Id that another node sends; the local engine gives it the id `as`. */
  peer?: string;
  as?: string;
}

/** An engine with these sources of image `app:1`. */
async function engine(t: ExecutionContext, sources: Sources) {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'));
  const socket = join(folder, 'docker.sock');
  const asked: string[] = [];
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    if (request.method === 'POST') {
      asked.push('pull');
      if (sources.registry === undefined) response.statusCode = 404;
      else sources.local = sources.registry;
      response.end('{"message":"no such image"}');
    } else {
      if (sources.local === undefined) response.statusCode = 404;
      response.end(JSON.stringify({ Id: sources.local, message: 'no such image' }));
    }
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const images = new Images(new EngineClient(socket), 'node-1', systemClock);
  images.setPeerFallback(() => {
    asked.push('fetch');
    if (sources.peer === undefined) return Promise.reject(new Error('no other node has it'));
    sources.local = sources.as ?? sources.peer;
    return Promise.resolve('node-2');
  });
  const ensure = async (recordedId?: string, spec: Partial<ContainerSpec> = {}) => {
    asked.length = 0;
    const container = aContainer({ image: 'app:1', ...spec });
    const never = new AbortController().signal;
    const found = images.ensure(container, recordedId, () => undefined, never);
    return found.then(({ id }) => id, messageOf);
  };
  return { ensure, asked, images };
}

test('a local image is used if it has the expected content, or any without an expectation', async (t) => {
  const { ensure, asked } = await engine(t, { local: 'good' });
  t.is(await ensure(), 'good');
  t.is(await ensure('good'), 'good');
  t.deepEqual(asked, []);
});

test('a stale local image is replaced by the expected one of another node', async (t) => {
  const { ensure, asked } = await engine(t, { local: 'stale', peer: 'good' });
  t.is(await ensure('good'), 'good');
  t.deepEqual(asked, ['pull', 'fetch']);
  t.is(await ensure('good', { pullPolicy: 'never' }), 'good');
  t.deepEqual(asked, []);
});

test('a registry whose tag has moved is not the source of the expected image', async (t) => {
  const { ensure, asked } = await engine(t, { registry: 'moved', peer: 'good' });
  t.is(await ensure(), 'moved');
  t.is(await ensure('good'), 'good');
  t.deepEqual(asked, ['pull', 'fetch']);
});

test('without the expected content no other is used, and the error says what to do', async (t) => {
  const { ensure } = await engine(t, { local: 'stale', registry: 'moved' });
  t.is(
    await ensure('good'),
    'image app:1: its registry now has another content than the recorded one; no other node has it',
  );
  const swapped = await engine(t, { peer: 'good' });
  t.is(await swapped.ensure('good'), 'good');
  t.is(
    await swapped.ensure('next'),
    'good',
    'the archive was verified; the engine has another id for it',
  );
});

test('an image that was fetched under another id is bound to the content it was fetched for', async (t) => {
  const sources: Sources = { peer: 'manifest', as: 'config' };
  const { ensure, asked } = await engine(t, sources);
  t.is(await ensure('manifest'), 'config');
  t.is(await ensure('manifest'), 'config');
  t.deepEqual(asked, []);
  sources.as = 'next-config';
  t.is(await ensure('next'), 'next-config');
  t.deepEqual(asked, ['pull', 'fetch']);
});

const digest = `sha256:${'d'.repeat(64)}`;

/** An engine with images by reference, and a registry whose answer to a pull a test chooses. */
async function pinningEngine(t: ExecutionContext, local: Readonly<Record<string, string>>) {
  const folder = await mkdtemp(join(tmpdir(), 'engine-'));
  const socket = join(folder, 'docker.sock');
  const names = new Map(Object.entries(local));
  const state = { published: true, registry: '' };
  const asked: string[] = [];
  /** Pulls what the registry has; returns the status. */
  const pull = (image: string): number => {
    asked.push(`pull ${image}`);
    if (state.registry === '') return 404;
    for (const name of [image, `app:1@${digest}`]) names.set(name, state.registry);
    return 200;
  };
  const tag = (id: string, to: URLSearchParams): number => {
    asked.push(`tag ${id} ${to.get('repo') ?? ''}:${to.get('tag') ?? ''}`);
    names.set('app:1', id);
    return 201;
  };
  const server = createServer((request, response) => {
    request.resume();
    response.setHeader('content-type', 'application/json');
    const { pathname, searchParams } = new URL(request.url ?? '', 'http://engine');
    const reference = decodeURIComponent(pathname).replace(/^\/images\/|\/\w+$/gu, '');
    const id = names.get(reference) ?? (reference.startsWith('id-') ? reference : undefined);
    const isPull = pathname === '/images/create';
    if (request.method === 'POST') {
      response.statusCode = isPull
        ? pull(searchParams.get('fromImage') ?? '')
        : tag(id ?? '', searchParams);
    } else if (id === undefined) response.statusCode = 404;
    const RepoDigests = state.published ? ['app@sha256:1'] : [];
    response.end(JSON.stringify({ Id: id, RepoDigests, message: 'no such image' }));
  });
  await new Promise<void>((resolve) => {
    server.listen(socket, resolve);
  });
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true, force: true });
  });
  const images = new Images(new EngineClient(socket), 'node-1', systemClock);
  const ensure = async (recordedId?: string, spec: Partial<ContainerSpec> = {}) => {
    asked.length = 0;
    const container = aContainer({ image: 'app:1', imageDigest: digest, ...spec });
    const never = new AbortController().signal;
    const found = images.ensure(container, recordedId, () => undefined, never);
    return found.then(({ id, reference }) => `${id} as ${reference}`, messageOf);
  };
  return { ensure, asked, images, state };
}

test('a pinned image is pulled by its digest, whatever its name is on the node, and named', async (t) => {
  const { ensure, asked, state } = await pinningEngine(t, { 'app:1': 'id-old' });
  state.registry = 'id-new';
  t.is(await ensure(), `id-new as app:1@${digest}`);
  t.deepEqual(asked, [`pull app@${digest}`, 'tag id-new app:1']);
  t.is(await ensure('id-other', { pullPolicy: 'always' }), `id-new as app:1@${digest}`);
  t.deepEqual(asked, [], 'the content of a digest is never outdated');
});

test('a pinned image takes no name from an image that only this node may have', async (t) => {
  const { ensure, asked, state } = await pinningEngine(t, { 'app:1': 'id-built' });
  Object.assign(state, { registry: 'id-new', published: false });
  t.is(await ensure(), `id-new as app:1@${digest}`);
  t.deepEqual(asked, [`pull app@${digest}`]);
});

test('a pinned image that its registry does not give comes from another node, found by its id', async (t) => {
  const { ensure, asked, images } = await pinningEngine(t, {});
  images.setPeerFallback((image) => {
    asked.push(`fetch ${image}`);
    return Promise.resolve('node-2');
  });
  t.is(await ensure('id-good'), 'id-good as id-good');
  t.deepEqual(asked, ['tag id-good app:1'], 'it is here under its id');
  t.regex(await ensure(), /app:1@sha256:d+ is missing on node node-1 after the pull/u);
  t.deepEqual(asked, [`pull app@${digest}`, `fetch app:1@${digest}`]);
});
