import test from 'ava';
import { probeMachine } from '../../../../manager/dispatcher/nodes/probe.js';

test('a machine that refuses connections is alive', async (t) => {
  t.true(await probeMachine('127.0.0.1'));
});

test('an address that cannot be reached belongs to no living machine', async (t) => {
  t.false(await probeMachine('255.255.255.255'));
});
