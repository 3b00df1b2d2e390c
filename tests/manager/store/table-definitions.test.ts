import test from 'ava';
import { aNode, aService, aTask } from '../../../fixtures/cluster/build.js';
import {
  stateTables,
  tableNames,
  tableOf,
  uniqueNameOf,
} from '../../../manager/store/table-definitions.js';

test('the table of a key is the part before the first slash', (t) => {
  for (const table of tableNames) t.is(tableOf(`${table}/a/b`), table);
  for (const key of ['', 'nodes', '/nodes', 'constructor/x', 'meta/nodes/1']) {
    t.is(tableOf(key), undefined);
  }
});

test('services and nodes have unique names, tasks have none', (t) => {
  const service = aService('web');
  t.is(uniqueNameOf('services', service), service.spec.name);
  t.is(uniqueNameOf('nodes', aNode('n1')), aNode('n1').spec.name);
  t.is(uniqueNameOf('tasks', aTask(service, 1, {})), undefined);
});

test('state leaves out the history of events and audit records', (t) => {
  const history = tableNames.filter((table) => !stateTables.includes(table));
  t.deepEqual(history, ['events', 'audit']);
});
