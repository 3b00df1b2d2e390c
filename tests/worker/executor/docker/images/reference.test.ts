import test from 'ava';
import { toReference } from '../../../../../worker/executor/docker/images/reference.js';

test('an image reference is split at its tag, which defaults to latest', (t) => {
  t.deepEqual(toReference('redis'), { fromImage: 'redis', tag: 'latest' });
  t.deepEqual(toReference('redis:7'), { fromImage: 'redis', tag: '7' });
  t.deepEqual(toReference('host:5000/a/b'), { fromImage: 'host:5000/a/b', tag: 'latest' });
  t.deepEqual(toReference('host:5000/a/b:1'), { fromImage: 'host:5000/a/b', tag: '1' });
  t.deepEqual(toReference('a@sha256:00'), { fromImage: 'a@sha256:00' });
  t.deepEqual(toReference('host:5000/a:1@sha256:00'), { fromImage: 'host:5000/a@sha256:00' });
});
