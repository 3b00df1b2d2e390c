import { PassThrough } from 'node:stream';
import test from 'ava';
import { aNetworkOnNode } from '../../../fixtures/cluster/network-view.js';
import { aVolume } from '../../../fixtures/cluster/build.js';
import {
  deferred,
  untilAborted,
  type Deferred,
} from '../../../manager/common/base/cancellation.js';
import { AppError } from '../../../manager/common/base/errors.js';
import type { NetworkId, SecretId } from '../../../manager/common/model/ids.js';
import type { AssignedTask, AssignmentSet } from '../../../manager/common/protocol/assignments.js';
import type { TaskExecutor, TaskInputs } from '../../../worker/executor/executor.js';
import {
  TaskActions,
  type ActionSubject,
  type TaskActionDependencies,
} from '../../../worker/tasks/actions.js';
import type { TaskAction } from '../../../worker/tasks/task-action.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { settle } from '../../helpers/fakes/runner-bench.js';
import { assigned, assignments } from '../../helpers/fakes/task-set-bench.js';
import { always, hook, seen, task, taskWith } from '../../helpers/decisions/task-step.js';

const [front, back] = ['front', 'back'] as unknown as readonly [NetworkId, NetworkId];
const attachments = [front, back].map((networkId, index) => ({
  networkId,
  network: networkId,
  address: `10.1.${index}.2`,
  mac: `02:00:00:00:00:0${index}`,
  aliases: ['demo-web-1'],
}));
const networks = [front, back].map((id, index) => ({
  ...aNetworkOnNode({ gateway: `10.1.${index}.1` }),
  id,
}));
const wanted: AssignmentSet = {
  ...assignments(),
  networks,
  volumes: [aVolume('data').spec, aVolume('other').spec],
  files: [{ id: 's1' as SecretId, kind: 'secret', name: 'key', data: '' }],
};
const never = new AbortController().signal;

interface Bench {
  /** Calls of the engine with their arguments. */
  readonly calls: string[];
  readonly inputs: TaskInputs[];
  readonly signals: AbortSignal[];
  readonly messages: string[];
  readonly clock: ManualClock;
  perform(action: TaskAction, subject: Partial<ActionSubject>, signal?: AbortSignal): Promise<void>;
}

interface Surroundings {
  readonly mode?: 'overlay' | 'engine';
  readonly hasSet?: boolean;
  readonly leader?: AssignedTask;
  /** The answer of every engine call. */
  readonly answer?: () => Promise<void>;
  readonly ready?: TaskActionDependencies['dataPlane']['ready'];
}

/** The actions over an engine and networks in memory. */
function bench({
  mode = 'overlay',
  hasSet = true,
  leader,
  answer,
  ready,
}: Surroundings = {}): Bench {
  const calls: string[] = [];
  const inputs: TaskInputs[] = [];
  const signals: AbortSignal[] = [];
  const messages: string[] = [];
  const clock = new ManualClock();
  const call = async (line: string, signal: AbortSignal, given?: TaskInputs): Promise<void> => {
    calls.push(line);
    signals.push(signal);
    if (given !== undefined) inputs.push(given);
    await answer?.();
  };
  const executor: TaskExecutor = {
    prepare: (record, given, progress, signal) => {
      progress('pulling');
      return call(`prepare ${record.id}`, signal, given);
    },
    create: async (record, given, signal) => {
      await call(`create ${record.id}`, signal, given);
      return 'c1';
    },
    connect: (id, record, given, signal) => call(`connect ${id} ${record.id}`, signal, given),
    start: (id, record, given, signal) => call(`start ${id} ${record.id}`, signal, given),
    stop: (id, graceMs, signal) => call(`stop ${id} ${graceMs}`, signal),
    setRestart: (id, { name }, signal) => call(`set restart ${id} ${name}`, signal),
    remove: (id, signal) => call(`remove ${id}`, signal),
    isolate: (id, signal) => call(`isolate ${id}`, signal),
  };
  const actions = new TaskActions({
    clock,
    executor,
    access: {
      exec: async (id, { command }, signal) => {
        await call(`exec ${id} ${command.join(' ')}`, signal);
        const stream = new PassThrough();
        stream.end();
        return {
          stream,
          tty: false,
          resize: () => Promise.resolve(),
          exitCode: () => Promise.resolve(0),
        };
      },
    },
    dataPlane: {
      mode,
      ready: ready ?? ((id) => Promise.resolve({ engineNetwork: `shoal-${id}` })),
    },
    wanted: () => (hasSet ? wanted : undefined),
    leaderTask: (_task, service) => (leader?.service === service ? leader : undefined),
  });
  const perform: Bench['perform'] = (action, subject, signal = never) =>
    actions.perform(
      action,
      { task: undefined, seen: undefined, leaders: [], ...subject },
      (message) => messages.push(message),
      signal,
    );
  return { calls, inputs, signals, messages, clock, perform };
}

test('image, volumes and networks are prepared together', async (t) => {
  const it = bench();
  const mounts = ['data', 'absent'].map((source) => volume(source));
  const bind = { type: 'bind', source: 'other', target: '/b', readOnly: false } as const;
  const record = {
    ...taskWith({
      mounts: [
        ...mounts,
        { type: 'volume', target: '/anonymous', readOnly: false, noCopy: false },
        { ...bind, createHostPath: true },
      ],
    }),
    attachments,
  };
  await it.perform('prepare', { task: record });
  t.deepEqual(it.calls, ['prepare t1']);
  t.deepEqual(it.inputs, [{ volumes: [aVolume('data').spec], files: [], networks: [] }]);
  t.deepEqual(it.messages, ['pulling', 'image and networks ready']);
});

test('a task without networks needs only its image', async (t) => {
  const it = bench();
  await it.perform('prepare', { task: task() });
  t.deepEqual(it.messages, ['pulling', 'image ready']);
});

test('a container is created with its volumes, files, networks and leaders', async (t) => {
  const it = bench();
  const base = taskWith({ mounts: [volume('data')] });
  const spec = {
    ...base.spec,
    networks: [{ network: back, aliases: [], driverOpts: { mtu: '1400' } }],
  };
  await it.perform('create', {
    task: { ...base, spec, attachments },
    leaders: [
      { tie: { service: 'vpn', shares: 'ipc' }, seen: seen('running', { id: 'vpn1' }) },
      { tie: { service: 'data', shares: 'volumes' }, seen: undefined },
    ],
  });
  t.deepEqual(it.calls, ['create t1']);
  t.deepEqual(it.inputs, [
    {
      volumes: [aVolume('data').spec],
      files: wanted.files,
      networks: [
        {
          engineNetwork: 'shoal-front',
          address: '10.1.0.2',
          mac: '02:00:00:00:00:00',
          aliases: [],
        },
        {
          driverOpts: { mtu: '1400' },
          engineNetwork: 'shoal-back',
          address: '10.1.1.2',
          mac: '02:00:00:00:00:01',
          aliases: [],
        },
      ],
      leaders: new Map([['vpn', 'vpn1']]),
      nameserver: '10.1.0.1',
    },
  ]);
});

test('the engine answers names if it has the networks', async (t) => {
  const it = bench({ mode: 'engine' });
  await it.perform('create', { task: { ...task(), attachments } });
  t.deepEqual(it.inputs[0]?.networks[0]?.aliases, ['web', 'demo-web-1']);
  t.false('nameserver' in (it.inputs[0] ?? {}));
});

test('a container without networks of its own joins none and has no name server', async (t) => {
  const it = bench();
  for (const kind of ['host', 'none'] as const)
    await it.perform('create', { task: { ...taskWith({ networkMode: { kind } }), attachments } });
  for (const given of it.inputs) {
    t.deepEqual(given.networks, []);
    t.false('nameserver' in given);
  }
});

test('a container that shares a network namespace uses its holder’s name server', async (t) => {
  const follower = taskWith({ networkMode: { kind: 'service', service: 'vpn' } });
  const vpn = { ...assigned('vpn'), attachments: attachments.slice(1) };
  const it = bench({ leader: vpn });
  await it.perform('create', { task: follower });
  t.is(it.inputs[0]?.nameserver, '10.1.1.1');
  const alone = bench();
  await alone.perform('create', { task: follower });
  t.false('nameserver' in (alone.inputs[0] ?? {}));
});

test('a network that is not ready in time is retried later', async (t) => {
  const it = bench({ ready: (_id, signal) => untilAborted(deferred<never>().promise, signal) });
  const creation = it.perform('create', { task: { ...task(), attachments: attachments.slice(1) } });
  it.clock.advance(59_999);
  await settle();
  t.is(it.clock.pendingTimers, 1);
  it.clock.advance(1);
  const error = await t.throwsAsync(creation, { instanceOf: AppError });
  t.is(error.kind, 'timeout');
  t.is(error.message, 'network back is not ready on this node; retrying');
  t.deepEqual(it.calls, []);
});

test('a create or start in flight is not cancelled, a prepare, stop or removal is', async (t) => {
  const it = bench();
  const abort = new AbortController();
  const container = seen('created');
  for (const action of ['prepare', 'create', 'start', 'stop', 'remove'] as const)
    await it.perform(action, { task: task(), seen: container }, abort.signal);
  abort.abort();
  t.deepEqual(
    it.signals.map(({ aborted }) => aborted),
    [true, false, false, true, true],
  );
});

test('an adopted container gets its restart policy back before the start', async (t) => {
  const adopts = assigned('old').id;
  const it = bench();
  const start = (record: AssignedTask): Promise<void> =>
    it.perform('start', { task: record, seen: seen('exited') });
  await start(task({ adopts }, always));
  await start(task({ adopts }, { name: 'unless-stopped' }));
  await start(task({}, always));
  t.deepEqual(it.calls, ['set restart c1 always', ...Array<string>(3).fill('start c1 t1')]);
});

test('a stopped container that is kept is not restarted with its engine', async (t) => {
  const it = bench();
  const stop = (record: AssignedTask | undefined): Promise<void> =>
    it.perform('stop', { task: record, seen: seen('running') });
  await stop(task({ desired: 'shutdown', stopTimeoutMs: 3 }, always));
  t.deepEqual(it.calls, ['set restart c1 no', 'stop c1 3']);
  it.calls.length = 0;
  await stop(task({ desired: 'remove' }, always));
  await stop(task({ desired: 'shutdown' }));
  await stop(undefined);
  t.deepEqual(it.calls, Array<string>(3).fill('stop c1 10000'));
});

test('hooks run in the container at their time', async (t) => {
  const it = bench();
  const record = taskWith({
    postStart: [{ ...hook, command: ['warm', 'up'] }],
    preStop: [{ ...hook, command: ['drain'] }],
  });
  await it.perform('after-start', { task: record, seen: seen('running') });
  await it.perform('before-stop', { task: record, seen: seen('running') });
  t.deepEqual(it.calls, ['exec c1 warm up', 'exec c1 drain']);
  await it.perform('before-stop', { task: task(), seen: seen('running') });
  t.is(it.calls.length, 2);
});

test('a container is removed, also without a task', async (t) => {
  const it = bench();
  await it.perform('remove', { seen: seen('exited') });
  t.deepEqual(it.calls, ['remove c1']);
});

test('an action without its task or container is an error', async (t) => {
  const it = bench();
  await t.throwsAsync(it.perform('create', {}), { message: 'task has no task to act on' });
  await t.throwsAsync(it.perform('remove', {}), { message: 'task has no container to act on' });
});

test('without a set there are neither volumes nor files nor a name server', async (t) => {
  const it = bench({ hasSet: false });
  await it.perform('create', { task: taskWith({ mounts: [volume('data')] }) });
  t.deepEqual(it.inputs, [{ volumes: [], files: [], networks: [], leaders: new Map() }]);
});

/** Starts many of an action at once and returns how many reach the engine. */
async function concurrent(action: TaskAction, subject: Partial<ActionSubject>): Promise<number> {
  const held: Deferred<undefined>[] = [];
  const it = bench({
    answer: async () => {
      const end = deferred<undefined>();
      held.push(end);
      await end.promise;
    },
  });
  const all = Array.from({ length: 20 }, () => it.perform(action, subject));
  await settle();
  const reached = it.calls.length;
  for (let done = 0; done < 20; done = held.length) {
    for (const end of held) end.resolve(undefined);
    await settle();
  }
  for (const end of held) end.resolve(undefined);
  await Promise.all(all);
  return reached;
}

test('the engine gets few operations at once, but all hooks and more stops, which mostly wait', async (t) => {
  const record = taskWith({ postStart: [hook] });
  const subject = { task: record, seen: seen('running') };
  t.is(await concurrent('create', subject), 4);
  t.is(await concurrent('start', subject), 4);
  t.is(await concurrent('remove', subject), 4);
  t.is(await concurrent('stop', subject), 16);
  t.is(await concurrent('after-start', subject), 20);
  t.is(await concurrent('prepare', subject), 20);
});

function volume(source: string) {
  return { type: 'volume', source, target: `/${source}`, readOnly: false, noCopy: false } as const;
}
