import test from 'ava';
import fc from 'fast-check';
import { parseDetachKeys } from '../../../cli/commands/container/attach.js';
import { DetachKeys } from '../../../cli/client/terminal-session.js';
import { parseMessage } from '../../../cli/client/stream.js';
import { exitCodeOf, ExitError } from '../../../cli/exit-code.js';
import { Interrupts } from '../../../cli/interrupts.js';
import { AppError } from '../../../manager/common/base/errors.js';

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

test('invalid detach keys are refused', (t) => {
  t.throws(() => parseDetachKeys('ctrl-1'), { message: /invalid --detach-keys "ctrl-1"/u });
});

test('an error message on a stream is thrown', (t) => {
  const error = t.throws(() =>
    parseMessage('{"error":{"kind":"not-found","message":"no such task"}}'),
  );
  t.is(error.message, 'no such task');
  t.deepEqual(parseMessage('{"kind":"put"}'), { kind: 'put' });
});

test('exit codes are those of docker compose', (t) => {
  t.is(exitCodeOf(new AppError('not-found', 'x')), 1);
  t.is(exitCodeOf(new AppError('cancelled', 'interrupted')), 130);
  t.is(exitCodeOf(new ExitError(42)), 42);
  t.is(exitCodeOf(new Error('x')), 1);
});

test('the first interrupt aborts the command, the second ends the program', (t) => {
  let gaveUp = 0;
  const interrupts = new Interrupts(() => {
    gaveUp += 1;
  });
  interrupts.interrupt();
  t.true(interrupts.signal.aborted);
  t.is(gaveUp, 0);
  interrupts.interrupt();
  t.is(gaveUp, 1);
});

test('a registered handler receives interrupts until it is removed', (t) => {
  const interrupts = new Interrupts(() => undefined);
  let seen = 0;
  const release = interrupts.handle(() => {
    seen += 1;
  });
  interrupts.interrupt();
  t.is(seen, 1);
  t.false(interrupts.signal.aborted);
  release();
  interrupts.interrupt();
  t.true(interrupts.signal.aborted);
});
