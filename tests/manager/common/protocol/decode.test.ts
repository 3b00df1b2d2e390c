import test from 'ava';
import fc from 'fast-check';
import { aNode } from '../../../../fixtures/cluster/build.js';
import { isAppError } from '../../../../manager/common/base/errors.js';
import {
  decodeManagerMessage,
  decodeWorkerMessage,
} from '../../../../manager/common/protocol/decode.js';
import type { WorkerMessage } from '../../../../manager/common/protocol/messages.js';
import { negotiateVersion } from '../../../../manager/dispatcher/version.js';

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

test('decodes what was encoded', (t) => {
  t.deepEqual(decodeWorkerMessage(JSON.stringify(hello)), hello);
  t.deepEqual(decodeWorkerMessage('{"kind":"heartbeat"}'), { kind: 'heartbeat' });
  const welcome = { kind: 'welcome', version: 1, heartbeatMs: 1_000, managers: ['10.0.0.1:7070'] };
  t.deepEqual(decodeManagerMessage(JSON.stringify(welcome)), welcome as never);
});

test('leaves fields of a newer version alone', (t) => {
  t.deepEqual(decodeWorkerMessage('{"kind":"heartbeat","load":3}'), {
    kind: 'heartbeat',
    load: 3,
  } as never);
});

for (const [title, text, message] of [
  ['no JSON', '{', 'message is not JSON'],
  ['a list', '[]', 'message is not an object'],
  ['an unknown kind', '{"kind":"constructor"}', 'unknown message constructor'],
  ['no kind', '{}', 'unknown message without kind'],
  [
    'a missing field',
    '{"kind":"networks"}',
    'message networks: field networks is missing or wrong',
  ],
  [
    'an unknown task state',
    '{"kind":"status","reports":[{"taskId":"t","status":{"state":"flying","at":1,"message":""}}]}',
    'message status: field reports is missing or wrong',
  ],
] as const) {
  test(`refuses ${title}`, (t) => {
    t.is(t.throws(() => decodeWorkerMessage(text)).message, message);
  });
}

test('whatever arrives is a message or an error of kind invalid', (t) => {
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

test('an older peer is told to upgrade', (t) => {
  t.is(negotiateVersion(1), 1);
  t.is(negotiateVersion(7), 1);
  t.regex(t.throws(() => negotiateVersion(0)).message, /speaks protocol 0.*upgrade it/);
});

test('what a worker says has no characters that steer a terminal, its answers are as they are', (t) => {
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
