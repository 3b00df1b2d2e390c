import test from 'ava';
import { withIdPrefix } from '../../../manager/gateway/id-prefix.js';

const ids = ['0a', 'a', 'ab', 'abc', 'abd', 'b', 'zz'];
const objects = ids.map((id) => ({ id }));

test('the ids with a prefix are found wherever they are in the list', (t) => {
  for (const prefix of ['0', 'a', 'ab', 'abc', 'abcd', 'b', 'c', 'z', 'zzz']) {
    const found = withIdPrefix(() => objects, prefix).map(({ id }) => id);
    t.deepEqual(
      found,
      ids.filter((id) => id.startsWith(prefix)),
      `prefix ${prefix}`,
    );
  }
});

test('a name that cannot begin an id does not read the list', (t) => {
  for (const reference of ['', 'shop_web', 'Web', 'a.b', 'a'.repeat(26)]) {
    t.deepEqual(
      withIdPrefix(() => {
        throw new Error(`${reference}: the list was read`);
      }, reference),
      [],
    );
  }
});
