import test from 'ava';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import { deferred } from '../../../manager/common/base/cancellation.js';
import { AppError } from '../../../manager/common/base/errors.js';
import type { ImageId, NodeId } from '../../../manager/common/model/ids.js';
import { encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import type { ManagerMessage } from '../../../manager/common/protocol/messages.js';
import type { NodeImage } from '../../../manager/common/protocol/worker-calls.js';
import type { FakeNodes } from '../../helpers/fakes/image-cluster.js';
import {
  app,
  found,
  imageCluster,
  readArchive,
  w1,
  w2,
} from '../../helpers/fakes/image-cluster.js';
import { settle } from '../../helpers/fakes/runner-bench.js';
import { aSession } from '../../helpers/fakes/worker-session.js';

test('an image is copied unchanged from the connected node that has it', async (t) => {
  const { nodes, copy, lines } = await imageCluster();
  t.is(await copy(), 'from node-2');
  t.deepEqual(nodes.asked, ['w2 findImage', 'w3 findImage', 'w2 save-image', 'w1 load-image']);
  t.deepEqual(nodes.loaded, ['first second']);
  t.deepEqual(lines, [
    'info: transferring image app:1 from node node-2 to node node-1',
    'info: transferred image app:1 from node node-2 to node node-1',
  ]);
});

test('an image that no other node has is not found, with the remedy', async (t) => {
  const { nodes, copy } = await imageCluster();
  nodes.findImage = () => Promise.resolve(null);
  t.is(
    await copy(),
    'not-found: no other node of the cluster has it; push app:1 to a registry or build it on this cluster',
  );
});

test('an image for another platform is not copied, unless that platform is wanted', async (t) => {
  const { nodes, copy } = await imageCluster();
  nodes.findImage = () => Promise.resolve(found({ platform: 'linux/arm64' }));
  t.regex(
    await copy(),
    /another platform than linux\/amd64: node-2 \(linux\/arm64\), node-3 \(linux\/arm64\); push/u,
  );
  t.is(await copy({ image: 'app:1', platform: 'linux/arm64' }), 'from node-2');
});

test('a node that fails or does not answer within 15 s is no source, another one is', async (t) => {
  const { clock, nodes, copy } = await imageCluster();
  nodes.findImage = (nodeId) =>
    nodeId === w2 ? Promise.reject(new Error('broken')) : Promise.resolve(found());
  t.is(await copy(), 'from node-3');
  const late = deferred<NodeImage>();
  nodes.findImage = (nodeId) => {
    clock.advance(0);
    return nodeId === w2 ? late.promise : Promise.resolve(found());
  };
  const waiting = copy();
  await settle();
  t.is(nodes.asked.filter((text) => text.includes('save-image')).length, 1);
  late.reject(new AppError('cancelled', 'late'));
  t.is(await waiting, 'from node-3');
});

test('questions end after 15 s: the signal of the call aborts', async (t) => {
  const { clock, nodes, copy } = await imageCluster();
  const signals: AbortSignal[] = [];
  Object.assign(nodes, {
    call: (_nodeId: NodeId, _name: string, _args: object, signal: AbortSignal) => {
      signals.push(signal);
      return new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new AppError('cancelled', 'aborted')));
      });
    },
  });
  const copied = copy();
  await settle();
  clock.advance(14_999);
  t.deepEqual(
    signals.map(({ aborted }) => aborted),
    [false, false],
  );
  clock.advance(1);
  t.regex(await copied, /^not-found: no other node/u);
});

test('known layers are left out, and the archive is complete if they cannot be counted', async (t) => {
  const { nodes, copy } = await imageCluster();
  nodes.findImage = () => Promise.resolve(found({ layers: ['sha256:a', 'sha256:b'] }));
  nodes.knownLayers = () => Promise.resolve(2);
  t.is(await copy(), 'from node-2');
  t.true(nodes.asked.includes('w1 knownLayers'));
  t.true(nodes.asked.includes('w2 save-image 2'));
  nodes.asked.length = 0;
  nodes.knownLayers = () => Promise.reject(new Error('broken'));
  t.is(await copy(), 'from node-2');
  t.true(nodes.asked.includes('w2 save-image'));
});

test('the target is not asked for layers that the source does not list', async (t) => {
  const { nodes, copy } = await imageCluster();
  nodes.findImage = () => Promise.resolve(found({ layers: [] }));
  await copy();
  t.false(nodes.asked.includes('w1 knownLayers'));
});

test('an archive without known layers that fails is sent once more with all layers', async (t) => {
  const { nodes, copy, lines } = await imageCluster();
  nodes.findImage = () => Promise.resolve(found({ layers: ['sha256:a'] }));
  nodes.knownLayers = () => Promise.resolve(1);
  let failures = 1;
  const { load } = nodes;
  nodes.load = (stream) => {
    if (failures === 0) return load(stream);
    failures -= 1;
    return stream.send(encodeStreamFrame('error', 'layer is missing'));
  };
  t.is(await copy(), 'from node-2');
  t.deepEqual(
    nodes.asked.filter((text) => text.includes('save')),
    ['w2 save-image 1', 'w2 save-image'],
  );
  t.true(
    lines.includes(
      'warn: image app:1 from node node-2 to node node-1: layer is missing; retrying with all layers',
    ),
  );
});

for (const [title, side, failure, reason] of [
  ['the source fails', 'save', 'disk error', 'disk error'],
  ['the source closes early', 'save', '', 'the source node closed the stream too early'],
  ['the target fails', 'load', 'no space left', 'no space left'],
  ['the target closes early', 'load', '', 'the target node closed the stream too early'],
] as const) {
  test(`a transfer is not repeated if ${title}, and names both nodes and the reason`, async (t) => {
    const { nodes, copy } = await imageCluster();
    nodes.load = async (stream) => {
      await readArchive(stream);
    };
    nodes[side] = async (stream) => {
      if (failure === '') stream.close();
      else await stream.send(encodeStreamFrame('error', failure));
    };
    t.is(await copy(), `unavailable: image app:1 from node node-2 to node node-1: ${reason}`);
    t.is(nodes.asked.filter((text) => text.includes('save')).length, 1);
    for (const stream of nodes.streams) {
      await t.throwsAsync(() => stream.send('x'), { message: /closed/u }, 'streams are closed');
    }
  });
}

test('a target that takes no more has its own error, not that of a failing send', async (t) => {
  const { nodes, copy } = await imageCluster();
  nodes.load = async (stream) => {
    await stream.send(encodeStreamFrame('error', 'no space left'));
    stream.close();
  };
  t.regex(await copy(), /: no space left$/u);
});

/** Holds every transfer until the test ends it. */
function holdLoads(nodes: FakeNodes): (() => void)[] {
  const held: (() => void)[] = [];
  nodes.load = async (stream) => {
    await readArchive(stream);
    held.push(() => void stream.send(encodeStreamFrame('exit', '0')));
  };
  return held;
}

test('four images are transferred at once, the others wait for their turn', async (t) => {
  const { nodes, copy } = await imageCluster();
  const held = holdLoads(nodes);
  const copies = Array.from({ length: 6 }, () => copy());
  await settle();
  await settle();
  t.is(held.length, 4);
  held[0]?.();
  await copies[0];
  await settle();
  await settle();
  t.is(held.length, 5);
  for (let at = 1; at < 6; at += 1) {
    held[at]?.();
    await settle();
    await settle();
  }
  t.deepEqual(await Promise.all(copies), Array<string>(6).fill('from node-2'));
});

test('requests that are cancelled while they wait keep no turn from those behind them', async (t) => {
  const { nodes, copy } = await imageCluster();
  const held = holdLoads(nodes);
  const first = Array.from({ length: 4 }, () => copy());
  const abort = new AbortController();
  const cancelled = Array.from({ length: 4 }, () => copy(app, abort.signal));
  const last = copy();
  await settle();
  await settle();
  abort.abort(new AppError('cancelled', 'its worker is gone'));
  t.deepEqual(await Promise.all(cancelled), Array<string>(4).fill('cancelled: its worker is gone'));
  for (const end of held) end();
  await Promise.all(first);
  await settle();
  await settle();
  t.is(held.length, 5);
  held[4]?.();
  t.is(await last, 'from node-2');
});

test('a transfer is ended after 15 minutes', async (t) => {
  const { clock, nodes, copy } = await imageCluster();
  holdLoads(nodes);
  const copied = copy();
  await settle();
  await settle();
  clock.advance(15 * 60_000 - 1);
  await settle();
  const [source] = nodes.streams;
  t.not(source, undefined);
  clock.advance(1);
  t.is(await copied, 'timeout: image app:1 to node node-1: timed out');
  await settle();
  for (const stream of nodes.streams)
    await t.throwsAsync(() => stream.send('x'), { message: /closed/u });
});

test('a worker that wants an image is answered with the source or the reason', async (t) => {
  const { nodes, images } = await imageCluster();
  const worker = aSession('w1');
  images.expectFetch(w1, 'app:1');
  await images.handleRequest(worker.session, { kind: 'want-image', requestId: 7, image: 'app:1' });
  nodes.findImage = () => Promise.resolve(null);
  images.expectFetch(w1, 'app:2');
  await images.handleRequest(worker.session, { kind: 'want-image', requestId: 8, image: 'app:2' });
  t.deepEqual(worker.posted[0], { kind: 'image', requestId: 7, from: 'node-2' } as object);
  t.like(worker.posted[1], { kind: 'image', requestId: 8, error: { kind: 'not-found' } });
});

test('a node that claims a newer copy with another content is no source of a recorded image', async (t) => {
  const { nodes, copy, store } = await imageCluster();
  await store.update('control', (tx) => {
    const contents = { 'linux/amd64': 'sha256:good' };
    tx.create('images', { id: 'app:1' as ImageId, contents, source: 'client', nodeId: w1 });
  });
  nodes.findImage = (nodeId) =>
    Promise.resolve(
      nodeId === w2
        ? found({ id: 'sha256:evil', createdAt: 99, taggedAt: 99 })
        : found({ id: 'sha256:good' }),
    );
  t.is(await copy(), 'from node-3');
  t.is(await copy({ image: 'docker.io/library/app:1' }), 'from node-3');
  t.deepEqual(
    nodes.expected,
    Array.from({ length: 2 }, () => 'sha256:good'),
  );
  nodes.findImage = (nodeId) =>
    Promise.resolve(nodeId === w2 ? found({ id: 'sha256:evil' }) : null);
  t.is(
    await copy(),
    'not-found: image app:1: no connected node has its recorded content good; other contents are on node-2 (evil); build, pull or load it again',
  );
  t.is(nodes.loaded.length, 2);
});

test('the first copy of an image that no client has announced decides its content', async (t) => {
  const { nodes, copy, recorded } = await imageCluster();
  t.is(await copy(), 'from node-2');
  await settle();
  t.like(recorded(), {
    contents: { 'linux/amd64': 'sha256:1' },
    source: 'copy',
    nodeId: w2,
  });
  nodes.findImage = () => Promise.resolve(found({ id: 'sha256:evil', createdAt: 99 }));
  t.regex(await copy(), /no connected node has its recorded content 1; other contents are on/u);
});

test('a copy for another platform adds no content to the record of a client', async (t) => {
  const { nodes, copy, store, recorded } = await imageCluster();
  await store.update('control', (tx) => {
    const contents = { 'linux/arm64': 'sha256:2' };
    tx.create('images', { id: 'app:1' as ImageId, contents, source: 'client', nodeId: w1 });
  });
  t.is(await copy(), 'from node-2');
  await settle();
  t.deepEqual(nodes.loaded, ['first second']);
  t.deepEqual(recorded()?.contents, { 'linux/arm64': 'sha256:2' });
});

test('copies that differ are not copied while no content is recorded', async (t) => {
  const { nodes, copy, recorded } = await imageCluster();
  nodes.findImage = (nodeId) =>
    Promise.resolve(found(nodeId === w2 ? { id: 'sha256:evil', createdAt: 99 } : {}));
  t.is(
    await copy(),
    'not-found: image app:1: nodes have different contents: node-2 (evil), node-3 (1); build, pull or load it again',
  );
  t.deepEqual(nodes.loaded, []);
  t.is(recorded(), undefined);
});

/** The error in the answer to `want-image`. */
function errorOf(answer: object | undefined) {
  return (answer as Extract<ManagerMessage, { kind: 'image' }>).error;
}

test('an image is served only to a node with a task that uses it', async (t) => {
  const { images, store } = await imageCluster();
  const worker = aSession('w1');
  const ask = async (image: string): Promise<string> => {
    await images.handleRequest(worker.session, { kind: 'want-image', requestId: 1, image });
    return errorOf(worker.posted.at(-1))?.message ?? 'sent';
  };
  const refusal = 'image app:1: no task on node w1 uses it';
  t.is(await ask('app:1'), refusal);
  const service = aService('web', { task: { container: { image: 'app:1' } } });
  const task = aTask(service, 1, { node: 'w1', state: 'assigned' });
  await store.update('restore', (tx) => {
    tx.create('tasks', task);
  });
  t.is(await ask('docker.io/library/app:1'), 'sent');
  t.is(await ask('other:1'), refusal.replace('app', 'other'));
  await store.update('restore', (tx) => {
    const now = tx.get('tasks', task.id);
    if (now !== undefined) tx.put('tasks', { ...now, status: { ...now.status, state: 'failed' } });
  });
  t.is(await ask('app:1'), refusal);
});

test('a fetch that a manager requests allows one request of that node for a while', async (t) => {
  const { images, clock } = await imageCluster();
  const worker = aSession('w1');
  const ask = async (): Promise<string | undefined> => {
    const message = { kind: 'want-image', requestId: 1, image: 'app:1' } as const;
    await images.handleRequest(worker.session, message);
    return errorOf(worker.posted.at(-1))?.kind;
  };
  images.expectFetch(w2, 'app:1');
  t.is(await ask(), 'forbidden');
  images.expectFetch(w1, 'app:1');
  t.is(await ask(), undefined);
  t.is(await ask(), 'forbidden');
  images.expectFetch(w1, 'app:1');
  clock.advance(15 * 60_000);
  t.is(await ask(), 'forbidden');
});

const digest = `sha256:${'d'.repeat(64)}`;
const pinned = { image: `app:1@${digest}` };

test('a pinned image is copied by its id from a node that has its digest, which is recorded', async (t) => {
  const { nodes, copy, store, recorded } = await imageCluster();
  await store.update('control', (tx) => {
    const record = { contents: {}, digest, source: 'client', nodeId: w1 } as const;
    tx.create('images', { id: 'app:1' as ImageId, ...record });
  });
  nodes.findImage = (nodeId, image) =>
    Promise.resolve(nodeId === w2 && image === pinned.image ? found() : null);
  t.is(await copy(pinned), 'from node-2');
  t.deepEqual(nodes.saved, ['sha256:1']);
  await settle();
  t.like(recorded(), { contents: { 'linux/amd64': 'sha256:1' }, digest });
  nodes.findImage = (_nodeId, image) =>
    Promise.resolve(image === pinned.image ? found({ id: 'sha256:evil' }) : null);
  t.regex(await copy(pinned), /no connected node has its recorded content 1; other contents/u);
  nodes.findImage = (nodeId, image) =>
    Promise.resolve(nodeId === w2 && image === 'sha256:1' ? found() : null);
  t.is(await copy(pinned), 'from node-2', 'a copy that came from another node has no digest');
});

test('the record of a newer digest says nothing about an older one', async (t) => {
  const { nodes, copy, store, recorded } = await imageCluster();
  await store.update('control', (tx) => {
    const contents = { 'linux/amd64': 'sha256:new' };
    const record = { contents, digest: 'sha256:newer', source: 'client', nodeId: w1 } as const;
    tx.create('images', { id: 'app:1' as ImageId, ...record });
  });
  t.is(await copy(pinned), 'from node-2');
  await settle();
  t.deepEqual(recorded()?.contents, { 'linux/amd64': 'sha256:new' });
  nodes.findImage = (nodeId) => Promise.resolve(found(nodeId === w2 ? { id: 'sha256:evil' } : {}));
  t.regex(await copy(pinned), /nodes have different contents/u);
});
