import test from 'ava';
import { aNode } from '../../../fixtures/cluster/build.js';
import type { ImageId, NodeId } from '../../../manager/common/model/ids.js';
import type { NodeImage, WorkerCalls } from '../../../manager/common/protocol/worker-calls.js';
import {
  forgetImage,
  recordDeployed,
  recordImage,
  recordPull,
} from '../../../manager/control/record-image.js';
import { recordingLogger } from '../../helpers/fakes/recording-logger.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const [w1, w2] = ['w1' as NodeId, 'w2' as NodeId];

/** Two ready nodes that claim an id of the image, by node. */
async function cluster(claims: Map<NodeId, string>) {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const id of [w1, w2]) tx.create('nodes', aNode(id));
  });
  const copy = (nodeId: NodeId): NodeImage | null => {
    const id = claims.get(nodeId);
    if (id === undefined) return null;
    return { id, platform: 'linux/amd64', sizeBytes: 1, createdAt: nodeId === w2 ? 99 : 1 };
  };
  const asked: NodeId[] = [];
  const workers: WorkerCalls = {
    call: (nodeId) => {
      asked.push(nodeId);
      return Promise.resolve(copy(nodeId));
    },
    open: () => Promise.reject(new Error('no stream')),
  };
  const { signal } = new AbortController();
  const { log, lines } = recordingLogger();
  const context = { store, workers, signal, log };
  const recorded = (): object | undefined => store.view.get('images', 'app:latest' as ImageId);
  return { context, recorded, lines, store, asked };
}

test('an image that was built has the content of its builder, whatever other nodes claim', async (t) => {
  const claims = new Map([
    [w1, 'sha256:good'],
    [w2, 'sha256:evil'],
  ]);
  const { context, recorded } = await cluster(claims);
  await recordImage(context, w1, 'docker.io/library/app');
  const contents = { 'linux/amd64': 'sha256:good' };
  t.like(recorded(), { contents, source: 'client', nodeId: w1 });
  claims.set(w1, 'sha256:better');
  await recordImage(context, w1, 'app');
  t.like(recorded(), { contents: { 'linux/amd64': 'sha256:better' } });
});

test('nothing is recorded for an image that the node does not have, or an id', async (t) => {
  const { context, recorded, store } = await cluster(new Map([[w2, 'sha256:evil']]));
  await recordImage(context, w1, 'app');
  await recordPull(context, [w1], 'app');
  await recordImage(context, w2, 'app@sha256:0');
  t.is(recorded(), undefined);
  t.is(store.view.count('images'), 0);
});

test('a pulled image is recorded if all nodes that have it agree', async (t) => {
  const claims = new Map([[w1, 'sha256:1']]);
  const { context, recorded, lines } = await cluster(claims);
  await recordPull(context, [w1], 'app');
  t.like(recorded(), { contents: { 'linux/amd64': 'sha256:1' }, source: 'client' });
  claims.set(w2, 'sha256:evil');
  await recordPull(context, [w2], 'app');
  t.is(recorded(), undefined);
  t.deepEqual(lines, ['info: image app: nodes have different contents: w1 (1), w2 (evil)']);
  claims.set(w2, 'sha256:1');
  await recordPull(context, [w2], 'app');
  t.like(recorded(), { contents: { 'linux/amd64': 'sha256:1' } });
});

test('a pull by several nodes asks each node once', async (t) => {
  const claims = new Map([
    [w1, 'sha256:1'],
    [w2, 'sha256:1'],
  ]);
  const { context, recorded, asked } = await cluster(claims);
  await recordPull(context, [w1, w2], 'app');
  t.like(recorded(), { contents: { 'linux/amd64': 'sha256:1' }, source: 'client' });
  t.deepEqual(asked, [w1, w2]);
});

test('a name that was removed has no content any more', async (t) => {
  const { context, recorded, store } = await cluster(new Map([[w1, 'sha256:1']]));
  await recordImage(context, w1, 'app');
  await store.update('control', (tx) => {
    forgetImage(tx, 'other');
    forgetImage(tx, 'app:latest');
  });
  t.is(recorded(), undefined);
});

test('a deployment binds an image to the content that all nodes have, and changes no record', async (t) => {
  const claims = new Map<NodeId, string>();
  const { context, recorded } = await cluster(claims);
  t.deepEqual(await recordDeployed(context, 'app'), { isRecorded: false });
  t.is(recorded(), undefined);
  claims.set(w1, 'sha256:good');
  t.deepEqual(await recordDeployed(context, 'app'), { isRecorded: true });
  claims.set(w2, 'sha256:evil');
  t.deepEqual(await recordDeployed(context, 'app'), {
    isRecorded: true,
    problem: 'other contents than the recorded one are on w2 (evil)',
  });
  t.like(recorded(), { contents: { 'linux/amd64': 'sha256:good' }, source: 'client' });
  claims.delete(w1);
  claims.delete(w2);
  t.deepEqual(await recordDeployed(context, 'app'), { isRecorded: true });
  t.deepEqual(await recordDeployed(context, 'app@sha256:0'), { isRecorded: true });
});

test('a deployment binds no image that nodes have with different contents', async (t) => {
  const claims = new Map([
    [w1, 'sha256:one'],
    [w2, 'sha256:two'],
  ]);
  const { context, recorded } = await cluster(claims);
  t.deepEqual(await recordDeployed(context, 'app'), {
    isRecorded: false,
    problem: 'nodes have different contents: w1 (one), w2 (two)',
  });
  t.is(recorded(), undefined);
});

test('a content that was only copied between nodes is not announced by a record of another platform', async (t) => {
  const claims = new Map([[w1, 'sha256:good']]);
  const { context, recorded, store } = await cluster(claims);
  await store.update('restore', (tx) => {
    const contents = { 'linux/amd64': 'sha256:good', 'linux/arm64': 'sha256:copied' };
    tx.create('images', { id: 'app:latest' as ImageId, contents, source: 'copy', nodeId: w2 });
  });
  await recordDeployed(context, 'app');
  t.like(recorded(), { source: 'client', nodeId: w1 });
  t.deepEqual(store.view.get('images', 'app:latest' as ImageId)?.contents, {
    'linux/amd64': 'sha256:good',
  });
});

test('a content that is recorded already is not written again', async (t) => {
  const claims = new Map([
    [w1, 'sha256:1'],
    [w2, 'sha256:1'],
  ]);
  const { context, recorded } = await cluster(claims);
  await recordDeployed(context, 'app');
  const first = recorded();
  await recordPull(context, [w2], 'app');
  await recordImage(context, w2, 'app');
  t.is(recorded(), first);
});
