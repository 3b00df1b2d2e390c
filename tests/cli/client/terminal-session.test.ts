import test from 'ava';
import fc from 'fast-check';
import { parseDetachKeys } from '../../../cli/commands/container/attach.js';
import { DetachKeys } from '../../../cli/client/terminal-session.js';

const keys = () => new DetachKeys(Buffer.from(parseDetachKeys('ctrl-p,ctrl-q'), 'latin1'));

test('detach keys are detected across chunks and not sent to the process', (t) => {
  const found = keys();
  t.deepEqual(found.take(Buffer.from('ab\u0010')), {
    data: Uint8Array.from([97, 98]),
    detach: false,
  });
  t.deepEqual(found.take(Buffer.from('\u0011c')), { data: Uint8Array.from([]), detach: true });
});

test('an incomplete detach sequence reaches the process', (t) => {
  const found = keys();
  t.deepEqual([...found.take(Buffer.from('\u0010')).data], []);
  t.deepEqual([...found.take(Buffer.from('x')).data], [0x10, 120]);
});

test('input without detach keys is unchanged, whatever the chunk size', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ max: 8 }), { maxLength: 8 }), (pieces) => {
      const plain = pieces.map((piece) => piece.filter((byte) => byte !== 0x10));
      const found = keys();
      const out = plain.flatMap((piece) => [...found.take(piece).data]);
      t.deepEqual(
        out,
        plain.flatMap((piece) => [...piece]),
      );
    }),
  );
});
