import test from 'ava';
import {
  engineErrorKind,
  engineErrorText,
} from '../../../../../manager/common/protocol/engine/engine-error.js';

test('the kind of an error follows the status of the engine', (t) => {
  t.deepEqual([400, 401, 403, 404, 409, 500, 501, 503, 418].map(engineErrorKind), [
    ...['invalid', 'forbidden', 'forbidden', 'not-found', 'conflict', 'internal'],
    ...['unsupported', 'unavailable', 'internal'],
  ] as const);
});

test('the text of an error is its message, if the body has one', (t) => {
  t.is(engineErrorText({ message: 'no such image' }), 'no such image');
  t.is(engineErrorText({ message: 5 }), '5');
  for (const body of [undefined, null, 'text', [], {}]) t.is(engineErrorText(body), undefined);
});
