import test from 'ava';
import { prefixKeys, shortContainerId } from '../../../manager/store/container-id.js';

const id = 'abc'.padEnd(64, '0');

test('the keys of every prefix of an id contain the key of the id', (t) => {
  const [key = ''] = prefixKeys(id);
  t.is(prefixKeys(id).length, 1);
  for (let length = 1; length <= id.length; length += 1) {
    const keys = prefixKeys(id.slice(0, length));
    t.true(keys.includes(key), `prefix of ${length} digits`);
    t.true(keys.length <= 256, `prefix of ${length} digits`);
  }
  t.deepEqual(prefixKeys('ab').slice(0, 2), ['ab0', 'ab1']);
  t.is(prefixKeys('d').filter((each) => each === key).length, 0);
});

test('the short form of an id has 12 digits', (t) => {
  t.is(shortContainerId(id), 'abc000000000');
});
