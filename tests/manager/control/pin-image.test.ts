import test from 'ava';
import { aNode, aServiceSpec } from '../../../fixtures/cluster/build.js';
import { untilAborted } from '../../../manager/common/base/cancellation.js';
import { AppError } from '../../../manager/common/base/errors.js';
import type { ImageId, NodeId } from '../../../manager/common/model/ids.js';
import type { WorkerCalls } from '../../../manager/common/protocol/worker-calls.js';
import { completeSpec } from '../../../manager/control/apply-service.js';
import { pinImage } from '../../../manager/control/pin-image.js';
import { recordDeployed, recordImage, recordPull } from '../../../manager/control/record-image.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { recordingLogger } from '../../helpers/fakes/recording-logger.js';
import { until } from '../../helpers/until.js';
import { openTestStore } from '../../helpers/stores/memory-store.js';

const [worker, manager, other] = ['a' as NodeId, 'b' as NodeId, 'c' as NodeId];
const first = `sha256:${'1'.repeat(64)}`;
const second = `sha256:${'2'.repeat(64)}`;

/** Three nodes, one of them a manager's, and a registry that has one digest for each name. */
async function cluster() {
  const store = await openTestStore();
  await store.update('restore', (tx) => {
    for (const id of [worker, manager, other]) {
      const node = aNode(id);
      const role = id === manager ? ('manager' as const) : ('worker' as const);
      tx.create('nodes', { ...node, spec: { ...node.spec, role } });
    }
  });
  const state = {
    registry: first,
    /** Nodes that do not reach the registry. */
    cut: new Set<NodeId>(),
    /** The registry does not answer. */
    silent: false,
    /** Image ids by node and reference. */
    copies: new Map<string, string>(),
    asked: [] as string[],
    auth: undefined as unknown,
  };
  const call = (
    nodeId: NodeId,
    name: string,
    args: object,
    signal: AbortSignal,
  ): Promise<unknown> => {
    const { image, auth } = args as { readonly image: string; readonly auth?: unknown };
    if (name === 'resolveImage') {
      state.asked.push(nodeId);
      state.auth = auth;
      if (state.cut.has(nodeId)) return Promise.reject(new AppError('unavailable', 'no route'));
      if (state.silent) return untilAborted(new Promise(() => undefined), signal);
      return Promise.resolve(state.registry);
    }
    const id = state.copies.get(`${nodeId} ${image}`);
    const copy = { id, platform: 'linux/amd64', sizeBytes: 1, createdAt: 1 };
    return Promise.resolve(id === undefined ? null : copy);
  };
  const workers: WorkerCalls = {
    call,
    open: () => Promise.reject(new Error('no stream')),
  };
  const clock = new ManualClock();
  const context = {
    clock,
    store,
    workers,
    signal: new AbortController().signal,
    log: recordingLogger().log,
  };
  const recorded = () => store.view.get('images', 'app:1' as ImageId);
  const pin = (refresh: boolean) => pinImage(context, { image: 'app:1', refresh });
  const specDigest = (pullPolicy: 'missing' | 'never' = 'missing') => {
    const container = { image: 'app:1', pullPolicy, imageDigest: 'sha256:forged' };
    const spec = aServiceSpec('web', { task: { container } });
    return completeSpec(spec, store.view).task.container.imageDigest;
  };
  return { context, state, clock, recorded, pin, specDigest };
}

test('a name is resolved once; only a refresh follows its registry', async (t) => {
  const { state, recorded, pin, specDigest } = await cluster();
  t.deepEqual(await pin(false), { digest: first });
  state.registry = second;
  t.deepEqual(await pin(false), { digest: first });
  t.is(specDigest(), first);
  t.deepEqual(state.asked, [manager], "a manager's node is asked first");
  t.like(recorded(), { digest: first, contents: {}, source: 'client', nodeId: manager });
  t.deepEqual(await pin(true), { digest: second });
  t.is(specDigest(), second);
  t.is(specDigest('never'), undefined, 'an image that is never pulled has no digest');
});

test('a registry that no node reaches is a problem, and the record stays', async (t) => {
  const { state, recorded, pin } = await cluster();
  state.cut.add(manager);
  t.deepEqual(await pin(true), { digest: first });
  t.deepEqual(state.asked, [manager, worker]);
  state.cut.add(worker);
  t.deepEqual(await pin(true), { problem: 'no route' });
  t.is(state.asked.length, 4, 'two nodes are asked at most');
  t.is(recorded()?.digest, first);
});

test('a registry that does not answer within 10 s is a problem that names the node', async (t) => {
  const { state, clock, pin } = await cluster();
  state.silent = true;
  const pinned = pin(true);
  await until('a node is asked', 5_000, () => state.asked.length === 1);
  clock.advance(10_000);
  await until('a node is asked', 5_000, () => state.asked.length === 2);
  clock.advance(10_000);
  t.deepEqual(await pinned, { problem: 'node b: the registry did not answer in time' });
});

test('a store that refuses the digest is no problem of the registry', async (t) => {
  const { context } = await cluster();
  const update = () => Promise.reject(new AppError('unavailable', 'no leader'));
  const store = { view: context.store.view, update } as unknown as typeof context.store;
  await t.throwsAsync(pinImage({ ...context, store }, { image: 'app:1', refresh: true }), {
    message: 'no leader',
  });
});

test('credentials travel with the query', async (t) => {
  const { context, state } = await cluster();
  const auth = { username: 'ann', password: 'secret' };
  await pinImage(context, { image: 'app:1', refresh: true, auth });
  t.deepEqual(state.auth, auth);
});

test('an image that nodes have, that was built or has a digest of its own, is not resolved', async (t) => {
  const { context, state, pin, specDigest } = await cluster();
  state.copies.set(`${other} app:1`, 'sha256:loaded');
  t.deepEqual(await pin(false), {});
  await recordImage(context, other, 'app:1');
  t.deepEqual(await pin(false), {});
  t.is(specDigest(), undefined, 'a digest that a client made up is dropped');
  t.deepEqual(await pinImage(context, { image: `app@${second}`, refresh: true }), {});
  t.deepEqual(state.asked, []);
});

test('a build takes the digest from a name, a pull gives it back', async (t) => {
  const { context, state, recorded, pin } = await cluster();
  await pin(true);
  state.copies.set(`${other} app:1`, 'sha256:built');
  await recordImage(context, other, 'app:1');
  t.like(recorded(), { digest: undefined, contents: { 'linux/amd64': 'sha256:built' } });
  await pin(true);
  t.like(recorded(), { digest: first, contents: {} });
});

test('what nodes have pulled for a digest is recorded with it, if they agree', async (t) => {
  const { context, state, recorded, pin } = await cluster();
  await pin(true);
  t.deepEqual(await recordDeployed(context, 'app:1'), { isRecorded: false });
  state.copies.set(`${other} app:1`, 'sha256:stale');
  state.copies.set(`${worker} app:1@${first}`, 'sha256:good');
  t.deepEqual(await recordDeployed(context, 'app:1'), { isRecorded: true });
  t.like(recorded(), { digest: first, contents: { 'linux/amd64': 'sha256:good' } });
  state.copies.set(`${manager} app:1@${first}`, 'sha256:evil');
  t.regex((await recordDeployed(context, 'app:1')).problem ?? '', /are on b \(evil\)/u);
  await recordPull(context, [worker], 'app:1', first);
  t.like(recorded(), { digest: first, contents: {} }, 'nodes that disagree prove nothing');
  state.copies.delete(`${manager} app:1@${first}`);
  await recordPull(context, [worker], 'app:1', first);
  t.like(recorded(), { digest: first, contents: { 'linux/amd64': 'sha256:good' } });
  await recordPull(context, [worker], 'app:1', second);
  t.like(recorded(), { digest: first, contents: { 'linux/amd64': 'sha256:good' } });
});
