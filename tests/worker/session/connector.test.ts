import { setImmediate as nextTurn } from 'node:timers/promises';
import test, { type ExecutionContext } from 'ava';
import { waitFor } from '../../../fixtures/lab/wait.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { AppError } from '../../../manager/common/base/errors.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import {
  apiPaths,
  type ManagerMessage,
  type WorkerMessage,
} from '../../../manager/common/protocol/messages.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import {
  Connector,
  type ConnectorOptions,
  type DialManager,
} from '../../../worker/session/connector.js';
import { Reporter } from '../../../worker/session/reporter.js';
import { toNodeDescription } from '../../../worker/node-description.js';
import { ManualClock } from '../../helpers/fakes/manual-clock.js';
import { messagePair } from '../../helpers/fakes/message-pair.js';

type Manager = (stream: MessageStream, address: string) => Promise<void>;

/** A connector whose managers are functions by address. */
function connector(
  t: ExecutionContext,
  managers: Readonly<Record<string, Manager | undefined>>,
  changes: Partial<ConnectorOptions> = {},
): { readonly dialled: string[] } {
  const dialled: string[] = [];
  const dial: DialManager = async (address, path) => {
    await Promise.resolve();
    dialled.push(path === apiPaths.session ? address : `${address}${path}`);
    const manager = managers[address];
    if (manager === undefined) throw new AppError('unavailable', `${address} does not answer`);
    const [near, far] = messagePair();
    void manager(far, address);
    return near;
  };
  const started = new Connector({
    clusterId: 'c',
    nodeId: 'n',
    name: 'node-a',
    managers: Object.keys(managers),
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
    reporter: new Reporter(systemClock),
    dial,
    engine: () => 'answering',
    describe: () => Promise.resolve(toNodeDescription('192.0.2.7', {}, '0', undefined)),
    reports: () => [],
    volumes: () => Promise.resolve([]),
    networks: () => [],
    onAssignments: () => Promise.resolve(),
    onChange: () => Promise.resolve(),
    call: () => Promise.resolve(null),
    serveStream: () => Promise.resolve(),
    ...changes,
  });
  started.start();
  t.teardown(() => started.stop());
  return { dialled };
}

const tell = (stream: MessageStream, message: ManagerMessage): Promise<void> =>
  stream.send(JSON.stringify(message));

const welcome: ManagerMessage = { kind: 'welcome', version: 1, heartbeatMs: 20, managers: [] };

/** A manager that sends a welcome and records the received messages. */
function welcoming(
  heard: WorkerMessage[],
  then: (stream: MessageStream) => void = () => undefined,
): Manager {
  return async (stream) => {
    for await (const text of stream) {
      const message = JSON.parse(String(text)) as WorkerMessage;
      heard.push(message);
      if (message.kind !== 'hello') continue;
      await tell(stream, welcome);
      then(stream);
    }
  };
}

test('a session starts with hello, followed by heartbeats', async (t) => {
  const heard: WorkerMessage[] = [];
  connector(t, { 'a:1': welcoming(heard) });
  await waitFor('heartbeats', () => heard.filter(({ kind }) => kind === 'heartbeat').length >= 3);
  const [hello] = heard;
  t.is(hello?.kind, 'hello');
  t.like(hello, {
    clusterId: 'c',
    nodeId: 'n',
    name: 'node-a',
    description: { address: '192.0.2.7' },
  });
});

test('unreachable managers are skipped and redirects to the leader are followed', async (t) => {
  const heard: WorkerMessage[] = [];
  const follower: Manager = (stream) => tell(stream, { kind: 'redirect', leader: 'c:1' });
  const { dialled } = connector(t, {
    'a:1': undefined,
    'b:1': follower,
    'c:1': welcoming(heard),
  });
  await waitFor('the leader', () => heard.length > 1);
  t.deepEqual(dialled, ['a:1', 'b:1', 'c:1']);
});

test('a lost session is replaced by a new one', async (t) => {
  const heard: WorkerMessage[] = [];
  let sessions = 0;
  connector(t, {
    'a:1': welcoming(heard, (stream) => {
      sessions += 1;
      if (sessions === 1) stream.close();
    }),
  });
  await waitFor('the second session', () => sessions === 2);
  t.is(heard.filter(({ kind }) => kind === 'hello').length, 2);
});

test('updated manager addresses are saved and used when the first manager is gone', async (t) => {
  const heard: WorkerMessage[] = [];
  const learned: (readonly string[])[] = [];
  const welcomed = new Set<string>();
  const dialled: string[] = [];
  const managers: Readonly<Record<string, Manager>> = {
    'a:1': welcoming([], (stream) => {
      void tell(stream, { kind: 'managers', managers: ['b:1', 'a:1'] }).then(() => {
        stream.close();
      });
    }),
    'b:1': welcoming(heard, () => welcomed.add('b:1')),
  };
  connector(
    t,
    {},
    {
      managers: ['a:1'],
      managersFile: {
        load: () => Promise.resolve(undefined),
        save: (list) => {
          learned.push(list);
          return Promise.resolve();
        },
      },
      dial: async (address) => {
        await Promise.resolve();
        dialled.push(address);
        const [near, far] = messagePair();
        void managers[address]?.(far, address);
        return near;
      },
    },
  );
  await waitFor('the other one', () => welcomed.has('b:1'));
  t.deepEqual(learned[0], ['b:1', 'a:1']);
  t.is(dialled[0], 'a:1');
});

test('saved manager addresses are tried first, an unreadable file only leaves the settings', async (t) => {
  const open = (load: () => Promise<readonly string[] | undefined>): readonly string[] =>
    connector(
      t,
      { 'a:1': welcoming([]), 'b:1': welcoming([]) },
      { managers: ['a:1'], managersFile: { load, save: () => Promise.resolve() } },
    ).dialled;
  const saved = open(() => Promise.resolve(['b:1']));
  const unreadable = open(() => Promise.reject(new AppError('internal', 'cannot read the file')));
  await waitFor('both sessions', () => saved.length > 0 && unreadable.length > 0);
  t.is(saved[0], 'b:1');
  t.is(unreadable[0], 'a:1');
});

test('two managers that redirect to each other cause back-off', async (t) => {
  const redirect =
    (leader: string): Manager =>
    (stream) =>
      tell(stream, { kind: 'redirect', leader });
  const clock = new ManualClock();
  const managers = { 'a:1': redirect('b:1'), 'b:1': redirect('a:1') };
  const { dialled } = connector(t, managers, { clock });
  await waitFor('the pause', () => dialled.length === 3);
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
  t.is(dialled.length, 3);
  clock.advance(1_000);
  await waitFor('another attempt', () => dialled.length > 3);
});

test('a manager whose messages are malformed is tried again ever more slowly', async (t) => {
  const malformed = welcoming([], (stream) => {
    void stream.send('{"kind":"assignments","set":{"sequence":1}}');
  });
  const clock = new ManualClock();
  const { dialled } = connector(t, { 'a:1': malformed }, { clock });
  for (let session = 1; session < 5; session += 1) {
    await waitFor('the next session', () => {
      if (dialled.length === session) clock.advance(1_000);
      return dialled.length > session;
    });
  }
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
  clock.advance(400);
  for (let turn = 0; turn < 50; turn += 1) await nextTurn();
  t.is(dialled.length, 5);
  clock.advance(200);
  await waitFor('another session', () => dialled.length > 5);
});

test('calls are answered by id, errors carry their kind, and a cancelled call ends', async (t) => {
  const heard: WorkerMessage[] = [];
  const manager = welcoming(heard, (stream) => {
    const inspect = { name: 'inspect', args: { taskId: 't1' as never } } as const;
    const pause = { name: 'pause', args: { taskId: 't1' as never } } as const;
    const top = { name: 'listVolumes', args: {} } as const;
    void tell(stream, { kind: 'call', callId: 1, call: top });
    void tell(stream, { kind: 'call', callId: 2, call: inspect });
    void tell(stream, { kind: 'call', callId: 3, call: pause });
    void tell(stream, { kind: 'cancel', callId: 3 });
  });
  connector(
    t,
    { 'a:1': manager },
    {
      async call(call, signal) {
        if (call.name === 'inspect') throw new AppError('not-found', 'task t1 is not on this node');
        if (call.name === 'listVolumes') return [];
        return await new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            reject(signal.reason as Error);
          });
        });
      },
    },
  );
  const answers = await waitFor('three answers', () => {
    const got = heard.filter(({ kind }) => kind === 'result' || kind === 'failure');
    return got.length === 3 && got;
  });
  t.deepEqual(
    answers.map((answer) => {
      if (answer.kind === 'result')
        return `${String(answer.callId)} ${JSON.stringify(answer.result)}`;
      return answer.kind === 'failure' ? `${String(answer.callId)} ${answer.error.kind}` : '';
    }),
    ['1 []', '2 not-found', '3 cancelled'],
  );
});

test('a message of an unknown kind is ignored; a malformed one ends the session', async (t) => {
  const logged: string[] = [];
  const log = jsonLogger(
    'warn',
    (line) => logged.push(line),
    () => 0,
  );
  const received: number[] = [];
  let sessions = 0;
  const manager: Manager = async (stream) => {
    sessions += 1;
    await tell(stream, welcome);
    await stream.send('{"kind":"of-the-future"}');
    await tell(stream, { kind: 'change', change: { sequence: sessions, upsert: {}, remove: {} } });
    await stream.send('{"kind":"assignments","set":{"sequence":1}}');
    for await (const _message of stream);
  };
  connector(
    t,
    { m1: manager },
    {
      log,
      onChange: ({ change }) => {
        received.push(change.sequence);
        return Promise.resolve();
      },
    },
  );
  await waitFor('a second session', () => received.includes(2), { timeoutMs: 10_000 });
  t.deepEqual(received.slice(0, 2), [1, 2]);
  t.true(logged.some((line) => line.includes('manager message of-the-future is not supported')));
  t.true(
    logged.some((line) =>
      line.includes('manager message assignments: set.clusterId must be a string'),
    ),
  );
});
