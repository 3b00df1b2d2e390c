import test from 'ava';
import { decode } from '../../../../manager/common/base/decode.js';
import { JsonLines } from '../../../../worker/executor/json-lines.js';
import { classifyEvent, containerEvent } from '../../../../worker/executor/docker/events.js';
import { engineRecording } from '../../../helpers/fakes/engine-recording.js';

const wire = Buffer.from(engineRecording('events.jsonl'));

test('container lifecycle events are classified and health check execs are ignored', (t) => {
  const meanings = new JsonLines(containerEvent, 'events')
    .push(wire)
    .flatMap((event) => event ?? [])
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

test('events of other object types are ignored, malformed ones are refused', (t) => {
  const read = (value: unknown) => decode(value, containerEvent, 'engine events');
  t.is(read({ Type: 'network', Action: 'create', Actor: { ID: 'x' } }), undefined);
  t.throws(() => read({ Type: 'container', Action: 'die', Actor: { ID: 7 } }), {
    message: 'engine events: Actor.ID must be a string',
  });
  t.throws(() => read('die'), { message: 'engine events: the value must be an object' });
});
