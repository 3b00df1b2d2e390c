import test from 'ava';
import { compileFilters, hasLabel, parseChoice } from '../../../cli/output/filter.js';

interface Item {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
}

const items: readonly Item[] = [
  { name: 'web', labels: { tier: 'front', os: 'linux' } },
  { name: 'db', labels: { tier: 'back' } },
  { name: 'cache', labels: {} },
];
const tests = {
  name: ({ name }: Item, value: string) => name.includes(value),
  label: ({ labels }: Item, value: string) => hasLabel(labels, value),
};
const names = (...entries: string[]): readonly string[] =>
  items.filter(compileFilters(entries, tests)).map(({ name }) => name);

test('values of one key are alternatives; all keys and labels must match', (t) => {
  t.deepEqual(names(), ['web', 'db', 'cache']);
  t.deepEqual(names('name=web', 'name=db'), ['web', 'db']);
  t.deepEqual(names('name=web', 'label=tier=back'), []);
  t.deepEqual(names('label=tier'), ['web', 'db']);
  t.deepEqual(names('label=tier=front', 'label=os'), ['web']);
});

test('an invalid filter is refused with the valid ones', (t) => {
  t.throws(() => names('color=red'), {
    message: /invalid --filter "color=red"; use name=, label=/u,
  });
  t.throws(() => names('name'), { message: /invalid --filter "name"/u });
  t.throws(() => parseChoice('role', 'boss', ['manager', 'worker']), {
    message: /use one of manager, worker/u,
  });
});
