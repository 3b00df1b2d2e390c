import test from 'ava';
import fc from 'fast-check';
import { aNode } from '../../../../fixtures/cluster/build.js';
import { isAppError } from '../../../../manager/common/base/errors.js';
import { taskStates } from '../../../../manager/common/model/task-state.js';
import { decodeWorkerMessage } from '../../../../manager/common/protocol/decode.js';
import type { WorkerMessage } from '../../../../manager/common/protocol/messages.js';
import { negotiateVersion } from '../../../../manager/dispatcher/sessions/version.js';

const hello: WorkerMessage = {
  kind: 'hello',
  version: 1,
  clusterId: 'c1',
  nodeId: 'w1',
  name: 'node-1',
  description: aNode('w1').description,
  reports: [],
  volumes: ['data'],
  networks: [],
};

test('a message round-trips through JSON', (t) => {
  t.deepEqual(decodeWorkerMessage(JSON.stringify(hello)), hello);
  t.deepEqual(decodeWorkerMessage('{"kind":"heartbeat"}'), { kind: 'heartbeat' });
});

test('unknown fields of a newer version are kept', (t) => {
  t.deepEqual(decodeWorkerMessage('{"kind":"heartbeat","load":3}'), {
    kind: 'heartbeat',
    load: 3,
  } as never);
});

for (const [title, text, message] of [
  ['text that is not JSON', '{', 'message is not valid JSON'],
  ['an array', '[]', 'message is not a JSON object'],
  ['an unknown kind', '{"kind":"constructor"}', 'unknown message kind constructor'],
  ['a missing kind', '{}', 'message has no kind'],
  ['a missing field', '{"kind":"networks"}', 'message networks: networks must be an array'],
  [
    'stuck removals that are no list',
    '{"kind":"networks","networks":[],"stuck":5}',
    'message networks: stuck must be an array',
  ],
  [
    'a stuck removal without a network',
    '{"kind":"networks","networks":["n1"],"stuck":[{"problem":"in use"}]}',
    'message networks: stuck[0].networkId must be a non-empty string',
  ],
  [
    'a stuck removal that is null',
    '{"kind":"networks","networks":[],"stuck":[null]}',
    'message networks: stuck[0] must be an object',
  ],
  [
    'published ports that are a number',
    '{"kind":"status","reports":[{"taskId":"t","status":{"state":"running","at":1,"message":"","ports":5}}]}',
    'message status: reports[0].status.ports must be an array',
  ],
  [
    'a published port that is null',
    '{"kind":"status","reports":[{"taskId":"t","status":{"state":"running","at":1,"message":"","ports":[null]}}]}',
    'message status: reports[0].status.ports[0] must be an object',
  ],
  [
    'a heartbeat with a long text',
    `{"kind":"heartbeat","x":"${'x'.repeat(1_024)}"}`,
    'message heartbeat: has more than 1024 characters',
  ],
  [
    'a description of more than 256 KiB',
    `{"kind":"description","description":"${'x'.repeat(262_144)}"}`,
    'message description: has more than 262144 characters',
  ],
  ['a text above 16 MiB', ' '.repeat(16_777_217), 'message has more than 16777216 characters'],
  [
    'an unknown task state',
    '{"kind":"status","reports":[{"taskId":"t","status":{"state":"flying","at":1,"message":""}}]}',
    `message status: reports[0].status.state must be one of ${taskStates.join(', ')}`,
  ],
] as const) {
  test(`the decoder rejects ${title}`, (t) => {
    t.is(t.throws(() => decodeWorkerMessage(text)).message, message);
  });
}

test('any input decodes to a message or throws an error of kind invalid', (t) => {
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.json(),
        fc.jsonValue().map((value) => JSON.stringify({ ...hello, reports: value })),
      ),
      (text) => {
        try {
          decodeWorkerMessage(text);
          return true;
        } catch (error) {
          return isAppError(error) && error.kind === 'invalid';
        }
      },
    ),
  );
  t.pass();
});

test('an unsupported older protocol version is rejected with a hint to upgrade', (t) => {
  t.is(negotiateVersion(1), 1);
  t.is(negotiateVersion(7), 1);
  t.regex(
    t.throws(() => negotiateVersion(0)).message,
    /speaks protocol version 0.*upgrade the peer/,
  );
});

test('control characters are stripped from worker messages but kept in call results', (t) => {
  const description = { hostname: 'a\u001b[2Jb\u009bc\nd', engineVersion: '\b1' };
  const base = { address: '', os: '', arch: '', shoalVersion: '', nanoCpus: 1, memoryBytes: 1 };
  const text = JSON.stringify({
    kind: 'description',
    description: { ...base, ...description, engineLabels: { k: '\u0007v' }, plugins: [] },
  });
  t.like(decodeWorkerMessage(text), {
    description: { hostname: 'a[2Jbc\nd', engineVersion: '1', engineLabels: { k: 'v' } },
  });
  const result = JSON.stringify({ kind: 'result', callId: 1, result: '\u001b[0m' });
  t.like(decodeWorkerMessage(result), { result: '\u001b[0m' });
});
