import test from 'ava';
import { randomName } from '../../../../manager/gateway/create/random-name.js';

test('names are valid container names that differ by id, and by number when one is taken', (t) => {
  const ids = Array.from({ length: 200 }, (_, index) => `id-${String(index)}`);
  const names = ids.map((id) => randomName(id, 0));
  for (const name of names) t.regex(name, /^[a-z]+_[a-z]+$/u);
  t.true(new Set(names).size > 150);
  t.regex(randomName('id-1', 1), new RegExp(`^${randomName('id-1', 0)}\\d+$`, 'u'));
});
