import test from 'ava';
import fc from 'fast-check';
import { parseDetachKeys } from '../../../cli/commands/container/attach.js';
import { DetachKeys, runSession } from '../../../cli/client/terminal-session.js';
import { encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import { messagePair } from '../../helpers/fakes/message-pair.js';

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

test('a session reads the next message only after the reader took the one before', async (t) => {
  const [local, remote] = messagePair();
  const taken: string[] = [];
  let takeNext = (): void => undefined;
  const session = runSession(local, {
    input: undefined,
    tty: false,
    stdout: (data) =>
      new Promise((resolve) => {
        taken.push(Buffer.from(data).toString());
        takeNext = resolve;
      }),
    stderr: () => Promise.resolve(),
    size: () => ({ columns: 80, rows: 24 }),
    onResize: () => () => undefined,
    detachKeys: new Uint8Array(),
  });
  await remote.send(encodeStreamFrame('stdout', 'a'));
  await remote.send(encodeStreamFrame('stdout', 'b'));
  await remote.send(encodeStreamFrame('exit', '3'));
  await new Promise(setImmediate);
  t.deepEqual(taken, ['a']);
  takeNext();
  await new Promise(setImmediate);
  t.deepEqual(taken, ['a', 'b']);
  takeNext();
  t.deepEqual(await session, { kind: 'exited', code: 3 });
});

test('a stream that ends before the exit code is an error, not success', async (t) => {
  const [local, remote] = messagePair();
  const ends = {
    input: undefined,
    tty: false,
    stdout: () => Promise.resolve(),
    stderr: () => Promise.resolve(),
    size: () => ({ columns: 80, rows: 24 }),
    onResize: () => () => undefined,
    detachKeys: new Uint8Array(),
  };
  const session = runSession(local, ends);
  await remote.send(encodeStreamFrame('stdout', 'half'));
  remote.close();
  await t.throwsAsync(session, { message: /output may be incomplete/u });
});
