import test from 'ava';
import fc from 'fast-check';
import { anything, number } from '../../../manager/common/base/decode.js';
import { JsonLines } from '../../../worker/executor/json-lines.js';
import { engineRecording } from '../../helpers/fakes/engine-recording.js';

const wire = Buffer.from(engineRecording('events.jsonl'));

test('the values do not depend on the chunking of the stream', (t) => {
  const whole = new JsonLines(anything, 'events').push(wire);
  t.true(whole.length > 10);
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 20 }),
      (sizes) => {
        const lines = new JsonLines(anything, 'events');
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

test('a malformed line is refused with its source, or skipped', (t) => {
  const strict = new JsonLines(number, 'a stream');
  t.throws(() => strict.push(Buffer.from('1\n{"secret"\n')), { message: 'a stream: invalid JSON' });
  t.throws(() => strict.push(Buffer.from('"x"\n')), {
    message: 'a stream: the value must be a number',
  });
  const errors: string[] = [];
  const lenient = new JsonLines(number, 'a stream', ({ message }) => errors.push(message));
  t.deepEqual(lenient.push(Buffer.from('1\n{\n\n"x"\n2\n')), [1, 2]);
  t.is(errors.length, 2);
});

test('the buffered part of a line is bounded', (t) => {
  const errors: string[] = [];
  const lines = new JsonLines(number, 'a stream', ({ message }) => errors.push(message));
  t.deepEqual(lines.push(Buffer.alloc(1_100_000, '1')), []);
  t.deepEqual(errors, ['a stream: line exceeds 1048576 characters']);
  t.deepEqual(lines.push(Buffer.from('\n2\n')), [2]);
});
