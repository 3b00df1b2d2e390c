import test from 'ava';
import fc from 'fast-check';
import { aService, aTask } from '../../../../fixtures/cluster/build.js';
import { isAppError } from '../../../../manager/common/base/errors.js';
import { decodeManagerMessage } from '../../../../manager/common/protocol/manager-message.js';

const task = {
  ...aTask(
    aService('web', {
      task: {
        container: {
          mounts: [{ type: 'tmpfs', target: '/tmp', readOnly: false }],
          env: { A: '1', B: null },
          postStart: [{ command: ['true'], privileged: false, env: {} }],
        },
      },
    }),
    1,
    { id: 't1', node: 'n1' },
  ),
};

const set = {
  clusterId: 'c',
  nodeId: 'n1',
  sequence: 3,
  tasks: [task],
  networks: [],
  endpoints: [],
  volumes: [],
  projects: [],
  files: [{ id: 's1', kind: 'secret', name: 'password', data: 'eA==' }],
};

function failureOf(message: object): string {
  return failureOfText(JSON.stringify(message));
}

function failureOfText(text: string): string {
  try {
    decodeManagerMessage(text);
  } catch (error) {
    return isAppError(error) ? `${error.kind}: ${error.message}` : String(error);
  }
  return 'no error';
}

test('a message round-trips through JSON with fields of a newer version', (t) => {
  for (const message of [
    { kind: 'welcome', version: 1, heartbeatMs: 1_000, managers: ['10.0.0.1:7070'], later: 1 },
    { kind: 'assignments', set, malformed: [] },
    {
      kind: 'change',
      change: { sequence: 4, upsert: { tasks: [task] }, remove: { files: ['s1'] } },
      malformed: [],
    },
    { kind: 'image', requestId: 1, error: { kind: 'not-found', message: 'no other node has it' } },
    { kind: 'renew-now' },
    { kind: 'call', callId: 1, call: { name: 'of a newer manager', args: {} } },
  ]) {
    t.deepEqual(decodeManagerMessage(JSON.stringify(message)), message as never);
  }
});

test('a malformed message is refused with the path of the field', (t) => {
  const cases: readonly (readonly [object, string])[] = [
    [{}, 'manager message: kind must be one of welcome, managers'],
    [{ kind: 7 }, 'manager message: kind must be one of'],
    [
      { kind: 'welcome', version: 1, heartbeatMs: 0, managers: [] },
      'manager message welcome: heartbeatMs must be a positive number',
    ],
    [
      { kind: 'managers', managers: '10.0.0.1' },
      'manager message managers: managers must be an array',
    ],
    [
      { kind: 'assignments', set: { ...set, sequence: '3' } },
      'manager message assignments: set.sequence must be an integer',
    ],
    [
      { kind: 'assignments', set: { ...set, tasks: [{ ...task, id: 7 }] } },
      'manager message assignments: set.tasks[0].id must be a non-empty string',
    ],
    [
      { kind: 'change', change: { sequence: 4, upsert: { tasks: {} }, remove: {} } },
      'manager message change: change.upsert.tasks must be an array',
    ],
    [{ kind: 'change', change: { sequence: 1, upsert: [] } }, 'change.upsert must be an object'],
    [{ kind: 'call', callId: 1, call: { name: 'pause' } }, 'call.args must be an object'],
    [{ kind: 'open', streamId: 's' }, 'manager message open: request must be an object'],
  ];
  for (const [message, expected] of cases) {
    const failure = failureOf(message);
    t.true(failure.startsWith('invalid: manager message'));
    t.is(failure.includes(expected) ? expected : failure, expected);
  }
  t.is(failureOfText('{'), 'invalid: manager message: invalid JSON');
});

test('a malformed task is listed with its reason, the others are read', (t) => {
  const bad = (id: string, changes: object, container: object = {}): object => ({
    ...{ ...task, id, ...changes },
    spec: { ...task.spec, container: { ...task.spec.container, ...container } },
  });
  const tasks = [
    bad('t2', { desired: 'flying' }),
    task,
    bad('t3', { desired: 'shutdown' }, { stopGraceMs: null }),
    bad('t4', {}, { mounts: [{ type: 'npipe' }] }),
    bad('t5', {}, { dns: undefined }),
  ];
  const expected = [
    {
      id: 't2',
      reason: /^task t2: desired must be one of ready, running, .*; check that manager/u,
    },
    {
      id: 't3',
      desired: 'shutdown',
      reason: /^task t3: spec\.container\.stopGraceMs must be a number;/u,
    },
    {
      id: 't4',
      desired: 'running',
      reason: /^task t4: spec\.container\.mounts\[0\]\.type must be one of/u,
    },
    { id: 't5', desired: 'running', reason: /^task t5: spec\.container\.dns must be an array;/u },
  ];
  const set2 = { kind: 'assignments', set: { ...set, tasks } };
  const change = { kind: 'change', change: { sequence: 4, upsert: { tasks }, remove: {} } };
  for (const message of [set2, change]) {
    const read = decodeManagerMessage(JSON.stringify(message));
    if (read.kind !== 'assignments' && read.kind !== 'change') {
      t.fail();
      return;
    }
    const seen = read.kind === 'assignments' ? read.set.tasks : read.change.upsert.tasks;
    t.deepEqual(
      seen?.map(({ id }) => id as string),
      ['t1'],
    );
    t.is(read.malformed.length, expected.length);
    for (const [index, { reason, ...fields }] of expected.entries()) {
      const { reason: actual, ...rest } = read.malformed[index] ?? { reason: '' };
      t.regex(actual, reason);
      t.deepEqual<object, object>(rest, fields);
    }
  }
});

test('a kind that only newer managers send is unsupported, not malformed', (t) => {
  t.is(
    failureOf({ kind: 'constructor' }),
    'unsupported: manager message constructor is not supported by this node; upgrade its worker',
  );
});

test('any input decodes to a message or throws an AppError', (t) => {
  const survives = fc.property(
    fc.oneof(
      fc.string(),
      fc.json(),
      fc.jsonValue().map((value) => JSON.stringify({ kind: 'assignments', set: value })),
      fc
        .jsonValue()
        .map((tasks) => JSON.stringify({ kind: 'assignments', set: { ...set, tasks } })),
    ),
    (text) => /^(invalid: |unsupported: |no error)/u.test(failureOfText(text)),
  );
  t.notThrows(() => {
    fc.assert(survives);
  });
});
