import test from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import { encodeStreamFrame, decodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import type { ManagerMessage } from '../../../manager/common/protocol/messages.js';
import type { FakeWorker } from '../../helpers/fakes/fake-worker.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import { anApply } from '../../helpers/managers/project-apply.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

/** Sends `want-image` and resolves with the manager's answer. */
function requestImage(
  worker: FakeWorker,
  image: string,
): Promise<Extract<ManagerMessage, { kind: 'image' }>> {
  return new Promise((resolve) => {
    worker.onImage = resolve;
    worker.send({ kind: 'want-image', requestId: 7, image });
  });
}

async function twoWorkers(t: Parameters<typeof TestManager.start>[0]) {
  const manager = await TestManager.start(t, { pki });
  const target = await manager.join('w1', { name: 'node-1' });
  const source = await manager.join('w2', { name: 'node-2' });
  await until('both are ready', 10_000, async () => {
    const nodes = await manager.call('node.list', {});
    return nodes.filter(({ status }) => status.state === 'ready').length === 2;
  });
  const placement = { constraints: ['node.hostname == node-1'] };
  const web = aServiceSpec('web', { task: { container: { image: 'app:1' }, placement } });
  await manager.call('project.apply', anApply({ services: [web] }));
  await until('node-1 has its task', 10_000, async () => {
    const tasks = await manager.call('task.list', {});
    return tasks.some(({ nodeId }) => nodeId === 'w1');
  });
  return { manager, target, source };
}

test('an image is copied from the node that has it to the node that requests it', async (t) => {
  const { target, source } = await twoWorkers(t);
  const parts = ['first', 'second', 'third'].map((text) => Buffer.from(text.repeat(50_000)));
  source.answer = (call) =>
    call.name === 'findImage'
      ? { id: 'sha256:1', platform: 'linux/amd64', sizeBytes: 5, createdAt: 5 }
      : null;
  source.serve = async (request, stream) => {
    t.deepEqual(request, { kind: 'save-image', image: 'app:1' });
    for (const part of parts) await stream.send(encodeStreamFrame('stdout', part));
    await stream.send(encodeStreamFrame('exit', '0'));
  };
  const received: Uint8Array[] = [];
  target.serve = async (request, stream) => {
    t.deepEqual(request, { kind: 'load-image', image: 'app:1', id: 'sha256:1' });
    // Iterated by hand: leaving a `for await` would close the stream before the answer is sent.
    const messages = stream[Symbol.asyncIterator]();
    for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
      const part = typeof next.value === 'string' ? undefined : decodeStreamFrame(next.value);
      if (part?.channel !== 'stdin') continue;
      if (part.data.length === 0) break;
      received.push(part.data);
    }
    await stream.send(encodeStreamFrame('exit', '0'));
  };
  const answer = await requestImage(target, 'app:1');
  t.deepEqual(answer, { kind: 'image', requestId: 7, from: 'node-2' });
  t.true(Buffer.concat(parts).equals(Buffer.concat(received)));
});

test('a failed image request is answered with the reason', async (t) => {
  const { target, source } = await twoWorkers(t);
  const none = await requestImage(target, 'app:1');
  t.is(none.error?.kind, 'not-found');
  t.regex(none.error?.message ?? '', /no other node of the cluster has it/u);
  source.answer = () => ({ id: 'x', platform: 'linux/arm64', sizeBytes: 5, createdAt: 5 });
  const foreign = await requestImage(target, 'app:1');
  t.regex(
    foreign.error?.message ?? '',
    /another platform than linux\/amd64: node-2 \(linux\/arm64\)/u,
  );
  source.answer = () => ({ id: 'x', platform: 'linux/amd64', sizeBytes: 5, createdAt: 5 });
  source.serve = (_request, stream) => stream.send(encodeStreamFrame('stdout', Buffer.alloc(10)));
  target.serve = (_request, stream) =>
    stream.send(encodeStreamFrame('error', 'no space left on device'));
  const failed = await requestImage(target, 'app:1');
  t.regex(failed.error?.message ?? '', /from node node-2 to node node-1: /u);
});

test('known layers are not sent, unless the engine rejects an archive without them', async (t) => {
  const { target, source } = await twoWorkers(t);
  const layers = ['sha256:a', 'sha256:b', 'sha256:c'];
  source.answer = () => ({ id: 'x', platform: 'linux/amd64', sizeBytes: 5, createdAt: 5, layers });
  target.answer = (call) => (call.name === 'knownLayers' ? 2 : null);
  const asked: unknown[] = [];
  source.serve = async (request, stream) => {
    asked.push(request);
    await stream.send(encodeStreamFrame('exit', '0'));
  };
  target.serve = (_request, stream) =>
    stream.send(
      asked.length > 1
        ? encodeStreamFrame('exit', '0')
        : encodeStreamFrame('error', 'no such layer'),
    );
  const answer = await requestImage(target, 'app:1');
  t.is(answer.from, 'node-2');
  t.deepEqual(asked, [
    { kind: 'save-image', image: 'app:1', withoutLayers: 2 },
    { kind: 'save-image', image: 'app:1' },
  ]);
});
