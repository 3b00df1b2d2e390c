import test from 'ava';
import {
  parseCommand,
  completeLine,
  splitWords,
} from '../../../../../cli/dashboard/view-model/update/command-line.js';
import { lookAt, simulatedWorld } from '../../../../helpers/fakes/world.js';

test('a command line is parsed as a view, quit, a CLI command or a problem', (t) => {
  const { commands } = lookAt(simulatedWorld({ nodes: 1, services: 1, replicas: 1 }));
  t.deepEqual(parseCommand('svc', commands), { kind: 'view', view: 'services', filter: '' });
  t.deepEqual(parseCommand('tasks /web', commands), { kind: 'view', view: 'tasks', filter: 'web' });
  t.deepEqual(parseCommand('q', commands), { kind: 'quit' });
  t.deepEqual(parseCommand('scale web=5', commands), { kind: 'run', words: ['scale', 'web=5'] });
  t.deepEqual(parseCommand('volume rm x', commands), { kind: 'run', words: ['volume', 'rm', 'x'] });
  t.is(parseCommand('dashboard', commands).kind, 'problem');
  t.is(parseCommand('nonsense', commands).kind, 'problem');
  t.deepEqual(splitWords(`exec web sh -c 'echo "a b"' c\\ d`), [
    'exec',
    'web',
    'sh',
    '-c',
    'echo "a b"',
    'c d',
  ]);
});

test('tab completes screens, commands and names of objects', (t) => {
  const look = lookAt(simulatedWorld({ nodes: 2, services: 1, replicas: 1 }));
  t.is(completeLine('topol', look), 'topology ');
  t.is(completeLine('scale web', look), 'scale web1=');
  t.is(completeLine('node update nod', look), 'node update node-');
});
