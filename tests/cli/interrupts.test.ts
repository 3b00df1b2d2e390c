import test from 'ava';
import { Interrupts } from '../../cli/interrupts.js';

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
