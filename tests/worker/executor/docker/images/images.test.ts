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
import {
  Images,
  effectiveCommand,
  toReference,
} from '../../../../../worker/executor/docker/images/images.js';

test('an image reference is split at its tag, which defaults to latest', (t) => {
  t.deepEqual(toReference('redis'), { fromImage: 'redis', tag: 'latest' });
  t.deepEqual(toReference('redis:7'), { fromImage: 'redis', tag: '7' });
  t.deepEqual(toReference('host:5000/a/b'), { fromImage: 'host:5000/a/b', tag: 'latest' });
  t.deepEqual(toReference('host:5000/a/b:1'), { fromImage: 'host:5000/a/b', tag: '1' });
  t.deepEqual(toReference('a@sha256:00'), { fromImage: 'a@sha256:00' });
});

test('the command of process 1 is composed as in the engine', (t) => {
  const image = {
    ...{ id: '', hasHealthcheck: false, volumes: [] },
    ...{ entrypoint: ['/e'], command: ['c'] },
  };
  t.deepEqual(effectiveCommand(aContainer(), image), ['/e', 'c']);
  t.deepEqual(effectiveCommand(aContainer({ command: ['x'] }), image), ['/e', 'x']);
  t.deepEqual(effectiveCommand(aContainer({ entrypoint: ['/o'] }), image), ['/o']);
  t.deepEqual(effectiveCommand(aContainer({ entrypoint: [], command: ['x'] }), image), ['x']);
});

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
