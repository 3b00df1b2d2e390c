import test from 'ava';
import { findContainer } from '../../../manager/gateway/find-container.js';
import { ids, view } from '../../helpers/stores/container-view.js';

test('a container is found by ID, name, node/name and unambiguous ID prefix', async (t) => {
  const all = await view();
  const idOf = (reference: string): string => findContainer(all, reference).containerId;
  t.is(idOf(ids.redis), ids.redis);
  t.is(idOf('/demo-redis-1'), ids.redis);
  t.is(idOf('alpha/demo-redis-1'), ids.redis);
  t.is(idOf('bbbb'), ids.web2);
  // Of two containers with the same name, the wanted one is found.
  t.is(idOf('demo-web-1'), ids.web1);
  t.throws(() => idOf('aaaa'), { message: 'container aaaa is ambiguous (2 matches found)' });
  t.throws(() => idOf('nosuch'), { message: 'No such container: nosuch' });
});
