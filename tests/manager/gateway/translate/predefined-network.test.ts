import test from 'ava';
import { parseQueryFilters } from '../../../../manager/gateway/filters.js';
import {
  findPredefined,
  listPredefined,
} from '../../../../manager/gateway/translate/predefined-network.js';

function names(filters: object): readonly string[] {
  const query = new URLSearchParams({ filters: JSON.stringify(filters) });
  const found = listPredefined(parseQueryFilters(query)) as { readonly Name: string }[];
  return found.map(({ Name }) => Name);
}

test("each engine's own networks are listed by the filters of the engine", (t) => {
  t.deepEqual(names({}), ['bridge', 'host', 'none']);
  t.deepEqual(names({ type: ['builtin'], driver: ['null'] }), ['none']);
  t.deepEqual(names({ name: ['bri'] }), ['bridge']);
  for (const filters of [{ type: ['custom'] }, { label: ['a'] }, { dangling: ['true'] }]) {
    t.deepEqual(names(filters), []);
  }
});

test('a predefined network is found by its name and id', (t) => {
  const { Id: id } = findPredefined('host') as { readonly Id: string };
  t.like(findPredefined(id), { Name: 'host', Scope: 'local' });
  t.is(findPredefined('hos'), undefined);
});
