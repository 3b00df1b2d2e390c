import test from 'ava';
import { parseImageTag } from '../../../../../manager/common/model/trust/image-tag.js';

test('a reference is split at its tag and digest, not at the port of its registry', (t) => {
  t.deepEqual(parseImageTag('app'), { name: 'app' });
  t.deepEqual(parseImageTag('app:1'), { name: 'app', tag: '1' });
  t.deepEqual(parseImageTag('host:5000/a/b'), { name: 'host:5000/a/b' });
  t.deepEqual(parseImageTag('host:5000/a:1@sha256:0'), {
    ...{ name: 'host:5000/a', tag: '1', digest: 'sha256:0' },
  });
});
