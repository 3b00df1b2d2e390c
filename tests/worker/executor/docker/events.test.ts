import test from 'ava';
import fc from 'fast-check';
import {
  JsonLines,
  classifyEvent,
  toContainerEvent,
} from '../../../../worker/executor/docker/events.js';
import { engineRecording } from '../../../helpers/fakes/engine-recording.js';

const wire = Buffer.from(engineRecording('events.jsonl'));

test('the events do not depend on the chunking of the stream', (t) => {
  const whole = new JsonLines().push(wire);
  t.true(whole.length > 10);
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
      (sizes) => {
        const lines = new JsonLines();
        const got: unknown[] = [];
        for (let at = 0, turn = 0; at < wire.length; turn += 1) {
          const size = sizes[turn % sizes.length] ?? 1;
          got.push(...lines.push(wire.subarray(at, at + size)));
          at += size;
        }
        t.deepEqual(got, whole);
      },
    ),
    { numRuns: 30 },
  );
});

test('container lifecycle events are classified and health check execs are ignored', (t) => {
  const meanings = new JsonLines()
    .push(wire)
    .flatMap((raw) => toContainerEvent(raw) ?? [])
    .filter(({ attributes }) => attributes.name === 'demo-web-1')
    .map(({ action }) => [action.split(':')[0], classifyEvent(action)] as const)
    .filter(([, meaning]) => meaning.kind !== 'ignore')
    .map(([action, meaning]) => `${String(action)} ${meaning.kind}`);
  t.deepEqual(meanings, [
    'start started',
    'health_status health',
    'pause look',
    'unpause look',
    'die look',
    'destroy gone',
  ]);
});

test('events of other object types are ignored', (t) => {
  t.is(toContainerEvent({ Type: 'network', Action: 'create', Actor: { ID: 'x' } }), undefined);
});
