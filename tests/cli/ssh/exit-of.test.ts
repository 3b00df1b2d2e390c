import { EventEmitter } from 'node:events';
import test from 'ava';
import { exitOf } from '../../../cli/ssh/exit-of.js';

test('an exit status that arrives with the opened channel is not lost', async (t) => {
  const channel = new EventEmitter();
  const exit = exitOf(channel);
  channel.emit('exit', 3);
  channel.emit('close');
  t.like(await exit, { status: 3 });
});

test('a command that a signal ended has its name, and a lost connection no exit', async (t) => {
  const [killed, lost] = [new EventEmitter(), new EventEmitter()];
  const exits = [exitOf(killed), exitOf(lost)];
  killed.emit('exit', null, 'KILL');
  killed.emit('close');
  lost.emit('close');
  t.deepEqual(await Promise.all(exits), [{ status: null, signalName: 'KILL' }, undefined]);
});
