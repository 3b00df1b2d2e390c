import test from 'ava';
import type { ServiceOptions } from '../../../fixtures/cluster/build.js';
import { aService, aTask } from '../../../fixtures/cluster/build.js';
import type { Task } from '../../../manager/common/model/task.js';
import { decide } from '../../../manager/scheduler/decide.js';
import { sameExplanation } from '../../../manager/scheduler/explain.js';
import { nodes, snapshot } from '../../helpers/decisions/placement.js';

const one = { placed: false, summary: 's', reasons: ['a', 'b'] };

test('explanations are the same if every part is', (t) => {
  t.true(sameExplanation({ ...one, reasons: ['a', 'b'] }, one));
  for (const other of [
    undefined,
    { ...one, placed: true },
    { ...one, summary: 't' },
    { ...one, reasons: ['a'] },
    { ...one, reasons: ['a', 'b', 'c'] },
    { ...one, reasons: ['a', 'c'] },
    { ...one, awaits: 'predecessor' as const },
  ])
    t.false(sameExplanation(other, one));
});

const port = { target: 80, protocol: 'tcp', published: 80, mode: 'host' } as const;

/** Explains the new task of a slot whose old task runs on node-1. */
function explainBeside(options: ServiceOptions, changes: Partial<Task> = {}) {
  const web = aService('web', options);
  const old = aTask(web, 1, { id: 'old', node: 'node-1' });
  const next = { ...aTask(web, 1, { id: 'next', createdAt: 5 }), ...changes };
  const [decision] = decide(snapshot({ nodes: nodes(1), tasks: [old, next] }));
  return decision?.explanation;
}

test('a task that only its predecessor blocks says so', (t) => {
  t.deepEqual(explainBeside({ task: { ports: [port] } }), {
    placed: false,
    summary: 'port 80/tcp is already in use on 1 node',
    reasons: [
      'port 80/tcp is already in use on 1 node: node-1',
      'stops the previous task on node-1 first, to take its place',
    ],
    awaits: 'predecessor',
  });
});

test('a task that would not fit without its predecessor either does not wait for it', (t) => {
  const placement = { constraints: ['node.labels.disk == ssd'] };
  const explanation = explainBeside({ task: { ports: [port], placement } });
  t.is(explanation?.awaits, undefined);
  t.deepEqual(explanation?.reasons, ['node.labels.disk != ssd on 1 node: node-1']);
});

test('a placed task tells that its predecessor was stopped for it', (t) => {
  const waited = {
    explanation: {
      ...{ placed: false, summary: 'port 80/tcp is in use', reasons: [], at: 0 },
      awaits: 'predecessor' as const,
    },
  };
  t.deepEqual(explainBeside({}, waited), {
    placed: true,
    summary: 'node-1: fewest tasks (1 of web, 1 in all) of 1 node that fits',
    reasons: ['the previous task was stopped first: port 80/tcp is in use'],
  });
  t.deepEqual(explainBeside({})?.reasons, []);
});
