import test from 'ava';
import { planMounts } from '../../../../manager/gateway/create/mounts.js';

test('binds: host paths, named and anonymous volumes', (t) => {
  const { mounts, volumes } = planMounts({ Binds: ['/src:/a:ro,z', 'vol:/b:nocopy', '/c'] });
  t.deepEqual(mounts, [
    {
      ...{ type: 'bind', source: '/src', target: '/a', readOnly: true, createHostPath: true },
      selinux: 'z',
    },
    { type: 'volume', source: 'vol', target: '/b', readOnly: false, noCopy: true },
    { type: 'volume', target: '/c', readOnly: false, noCopy: false },
  ]);
  t.deepEqual(
    volumes.map(({ name, driver }) => ({ name, driver })),
    [{ name: 'vol', driver: 'local' }],
  );
});

for (const bind of ['a:b:c:d', 'relative', '/a:', ':/a', '/a:/b:nonsense', '/a:/', 'v:/x:shared']) {
  test(`the bind ${bind} is refused`, (t) => {
    t.throws(() => planMounts({ Binds: [bind] }), { message: /invalid volume specification/u });
  });
}

test('a relative host path is refused as a volume name', (t) => {
  t.throws(() => planMounts({ Binds: ['./x:/y'] }), { message: /use absolute path/u });
});

test('mounts of every type; a volume keeps driver, options and labels', (t) => {
  const { mounts, volumes } = planMounts({
    Mounts: [
      { Type: 'bind', Source: '/s', Target: '/a', BindOptions: { Propagation: 'rshared' } },
      {
        ...{ Type: 'volume', Source: 'data', Target: '/b' },
        VolumeOptions: {
          Labels: { a: 'b' },
          DriverConfig: { Name: 'nfs', Options: { o: 'ro' } },
        },
      },
      { Type: 'tmpfs', Target: '/c', TmpfsOptions: { SizeBytes: 5, Mode: 511 } },
      { Type: 'volume', Target: '/d', ReadOnly: true },
    ],
  });
  t.deepEqual(mounts, [
    {
      ...{ type: 'bind', source: '/s', target: '/a', readOnly: false, createHostPath: false },
      propagation: 'rshared',
    },
    { type: 'volume', source: 'data', target: '/b', readOnly: false, noCopy: false },
    { type: 'tmpfs', target: '/c', readOnly: false, sizeBytes: 5, mode: 511 },
    { type: 'volume', target: '/d', readOnly: true, noCopy: false, labels: {} },
  ]);
  t.like(volumes[0], { name: 'data', driver: 'nfs', driverOpts: { o: 'ro' }, labels: { a: 'b' } });
});

test('an unknown type and a relative target are refused', (t) => {
  t.throws(() => planMounts({ Mounts: [{ Type: 'npipe', Target: '/x' }] }), { message: /npipe/u });
  t.throws(() => planMounts({ Mounts: [{ Type: 'bind', Target: 'x' }] }), { message: /absolute/u });
});
