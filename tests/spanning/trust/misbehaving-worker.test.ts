import type { ExecutionContext } from 'ava';
import test from 'ava';
import { aNode, aServiceSpec } from '../../../fixtures/cluster/build.js';
import type { FakeWorker } from '../../helpers/fakes/fake-worker.js';
import { aStatus } from '../../helpers/fakes/fake-worker.js';
import { encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import { DockerApi } from '../../helpers/managers/docker-api.js';
import { createManagerPki, TestManager } from '../../helpers/managers/test-manager.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { until } from '../../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

interface Stage {
  readonly manager: TestManager;
  readonly api: DockerApi;
  readonly good: FakeWorker;
  readonly bad: FakeWorker;
  /** State and message of each node. */
  readonly nodes: () => Promise<Readonly<Record<string, string>>>;
}

/** Two nodes with one task each; the worker of the second is compromised. */
async function stage(t: ExecutionContext): Promise<Stage> {
  const manager = await TestManager.start(t, { pki });
  const good = await manager.join('w1', { name: 'good' });
  const bad = await manager.join('w2', { name: 'bad' });
  for (const worker of [good, bad]) worker.serve = engineAnswer([]);
  const nodes = async (): Promise<Readonly<Record<string, string>>> => {
    const list = await manager.call('node.list', {});
    return Object.fromEntries(
      list.map(({ spec, status }) => [spec.name, `${status.state} ${status.message}`.trim()]),
    );
  };
  await until('two nodes', 60_000, async () => {
    const states = Object.values(await nodes());
    return states.length === 2 && states.every((state) => state === 'ready');
  });
  const services = [aServiceSpec('web', { replicas: 2 })];
  await manager.call('project.apply', {
    project: 'demo',
    services,
    ...{ networks: [], volumes: [], secrets: [], configs: [] },
    ...{ externalNetworks: [], externalVolumes: [], forceRecreate: [] },
    ...{ keepReplicas: [], renewVolumes: [], known: ['web'] },
    ...{ removeOrphans: false, dryRun: false },
  });
  const api = new DockerApi(t, manager.port, await pki.client('ada'));
  await until('two containers', 60_000, async () => (await containers(api)).length === 2);
  return { manager, api, good, bad, nodes };
}

/** Answers each request to the engine with the same value. */
function engineAnswer(value: unknown): FakeWorker['serve'] {
  return async (_request, stream) => {
    await stream.send(JSON.stringify({ status: 200, headers: {} }));
    await stream.send(encodeStreamFrame('stdout', JSON.stringify(value)));
    await stream.send(encodeStreamFrame('exit', '0'));
  };
}

async function containers(api: DockerApi): Promise<readonly string[]> {
  const listed = (await api.json('/containers/json')) as { Names: string[]; State: string }[];
  return listed.filter(({ State }) => State === 'running').flatMap(({ Names }) => Names);
}

async function allAnswer(t: ExecutionContext, api: DockerApi): Promise<void> {
  for (const path of ['/containers/json?all=1', '/info', '/images/json', '/volumes', '/networks'])
    t.is((await api.request('GET', path)).status, 200);
}

function reportWith(bad: FakeWorker, changes: object): unknown {
  const [taskId] = [...bad.held.tasks.keys()];
  const status = { ...aStatus('running'), ...changes };
  return { kind: 'status', reports: [{ taskId, status }] };
}

for (const [title, message, problem] of [
  [
    'ports that are a number',
    (bad: FakeWorker) => reportWith(bad, { ports: 5 }),
    /message status: reports\[0\]\.status\.ports must be an array/u,
  ],
  [
    'a state that does not exist',
    (bad: FakeWorker) => reportWith(bad, { state: 'root' }),
    /message status: reports\[0\]\.status\.state must be/u,
  ],
  [
    'a description without memory',
    () => ({
      kind: 'description',
      description: { ...aNode('w2').description, memoryBytes: null },
    }),
    /message description: description\.memoryBytes must be/u,
  ],
] as const) {
  test(`a worker that reports ${title} is named and refused, the others go on`, async (t) => {
    const { manager, api, bad, nodes } = await stage(t);
    bad.send(message(bad) as never);
    const { code, reason } = await bad.ended;
    t.is(code, 4403);
    t.regex(reason, /^message (?:status|description): /u);
    await until(
      'the reason',
      20_000,
      async () => (await nodes()).bad?.includes('malformed') === true,
    );
    const seen = await nodes();
    t.regex(seen.bad ?? '', /^(?:unknown|down) sent a malformed message: /u);
    t.regex(seen.bad ?? '', problem);
    t.is(seen.good, 'ready');
    t.true(manager.log.some((line) => line.includes('node bad: sent a malformed message')));
    await allAnswer(t, api);
    t.true((await containers(api)).length >= 1);
    // It stays out, and its tasks are replaced on the other node.
    const again = await manager.join('w2', { name: 'bad' });
    t.regex((await again.ended).reason, /node bad: sent a malformed message/u);
    await until('the replacement', 60_000, async () => {
      const tasks = await manager.call('task.list', {});
      return (
        tasks.filter(({ nodeId, status }) => nodeId === 'w1' && status.state === 'running')
          .length === 2
      );
    });
    t.regex((await nodes()).bad ?? '', /^down sent a malformed message: /u);
    await allAnswer(t, api);
  });
}

test('a worker that answers null for its images hides no image of the others', async (t) => {
  const { manager, api, good, bad } = await stage(t);
  const image = { Id: 'sha256:1', RepoTags: ['app:1'], RepoDigests: [], Created: 1, Labels: {} };
  good.answer = ({ name }) => (name === 'listImages' ? [image] : null);
  good.serve = engineAnswer([image]);
  bad.answer = () => null;
  bad.serve = engineAnswer(null);
  await allAnswer(t, api);
  const images = (await api.json('/images/json')) as { RepoTags: string[] }[];
  t.deepEqual(
    images.flatMap(({ RepoTags }) => RepoTags),
    ['app:1'],
  );
  for (const call of ['listImages', 'GET /images/json']) {
    const named = new RegExp(`node (\\w+): answer to ${call}: the value must be an array`, 'u');
    const nodes = new Set(manager.log.flatMap((line) => named.exec(line)?.[1] ?? []));
    t.deepEqual([...nodes], ['bad']);
  }
  t.is((await containers(api)).length, 2);
});

test('a worker that floods descriptions is refused, one that sends some is not', async (t) => {
  const { bad, nodes } = await stage(t);
  const send = (index: number): void => {
    const description = { ...aNode('w2').description, hostname: `host-${index}` };
    bad.send({ kind: 'description', description });
  };
  for (let index = 0; index < 20; index += 1) send(index);
  t.is((await nodes()).bad, 'ready');
  for (let index = 0; index < 200; index += 1) send(index);
  t.is((await bad.ended).code, 4403);
  await until('the reason', 20_000, async () => {
    const state = (await nodes()).bad ?? '';
    return state.includes('too many description messages');
  });
});

test('requests for images beyond their limit are answered at once, and the session goes on', async (t) => {
  const { bad, nodes } = await stage(t);
  const errors: string[] = [];
  bad.onImage = ({ error }) => errors.push(error?.message ?? '');
  for (let requestId = 0; requestId < 300; requestId += 1)
    bad.send({ kind: 'want-image', requestId, image: 'none' });
  await until('all answers', 60_000, () => Promise.resolve(errors.length === 300));
  const refused = errors.filter((error) => error.includes('too many image requests; retry'));
  t.true(refused.length >= 80);
  t.is((await nodes()).bad, 'ready');
});
