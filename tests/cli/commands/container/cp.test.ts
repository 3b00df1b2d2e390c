import test from 'ava';
import { parseCopyEndpoint, resolveCopyTarget } from '../../../../cli/commands/container/cp.js';

test('cp resolves the same target path as docker cp', (t) => {
  t.deepEqual(parseCopyEndpoint('web:/a'), { kind: 'container', service: 'web', path: '/a' });
  t.deepEqual(parseCopyEndpoint('./a:b'), { kind: 'local', path: './a:b' });
  const file = { path: '/l/f', isFolder: false };
  const folder = { path: '/l/d', isFolder: true };
  t.deepEqual(resolveCopyTarget(file, '/to', { isFolder: true }), { folder: '/to', name: 'f' });
  t.deepEqual(resolveCopyTarget(file, '/to', { isFolder: false }), { folder: '/', name: 'to' });
  t.deepEqual(resolveCopyTarget(file, '/to', null), { folder: '/', name: 'to' });
  t.throws(() => resolveCopyTarget(file, '/to/', null), { message: /does not exist/u });
  t.deepEqual(resolveCopyTarget(folder, '/to', { isFolder: true }), { folder: '/to', name: 'd' });
  t.deepEqual(resolveCopyTarget({ ...folder, path: '/l/d/.' }, '/to', { isFolder: true }), {
    folder: '/to',
    name: '',
  });
  t.deepEqual(resolveCopyTarget(folder, '/new', null), { folder: '/', name: 'new' });
  t.throws(() => resolveCopyTarget(folder, '/to', { isFolder: false }), { message: /over file/u });
});
