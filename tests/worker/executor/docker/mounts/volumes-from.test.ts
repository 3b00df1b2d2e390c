import test from 'ava';
import {
  inheritMounts,
  type InspectedMounts,
} from '../../../../../worker/executor/docker/mounts/volumes-from.js';

const made = 'a'.repeat(64);
const inspected: InspectedMounts = {
  Mounts: [
    { Type: 'volume', Name: 'data', Source: '/v/data', Destination: '/data', RW: true },
    { Type: 'volume', Name: made, Source: `/v/${made}`, Destination: '/made', RW: true },
    { Type: 'bind', Source: '/srv', Destination: '/srv', RW: false, Propagation: 'rslave' },
    { Type: 'tmpfs', Source: '', Destination: '/fast', RW: true },
    { Type: 'bind', Source: '/run/s/t1/0', Destination: '/run/secrets/s', RW: false },
  ],
  HostConfig: {
    Mounts: [{ Type: 'tmpfs', Target: '/fast', TmpfsOptions: { SizeBytes: 64 }, ReadOnly: false }],
  },
};

test('volumes_from copies mounts except files that the worker generated', (t) => {
  const { mounts, anonymous } = inheritMounts(
    { mounts: [], files: [] },
    [{ inspected, readOnly: false }],
    ['/run/s'],
  );
  t.deepEqual(mounts, [
    { Type: 'volume', Target: '/data', ReadOnly: false, Source: 'data' },
    { Type: 'volume', Target: '/made', ReadOnly: false, Source: made },
    {
      Type: 'bind',
      Target: '/srv',
      ReadOnly: true,
      Source: '/srv',
      BindOptions: { Propagation: 'rslave' },
    },
    { Type: 'tmpfs', Target: '/fast', TmpfsOptions: { SizeBytes: 64 }, ReadOnly: false },
  ]);
  t.deepEqual(anonymous, [made]);
});

test('read-only volumes_from mounts are read-only, and own mounts take precedence', (t) => {
  const own = { type: 'tmpfs', target: '/data', readOnly: false } as const;
  const { mounts } = inheritMounts(
    { mounts: [own], files: [] },
    [{ inspected, readOnly: true }],
    [],
  );
  t.false(mounts.some(({ Target }) => Target === '/data'));
  t.true(mounts.every(({ ReadOnly }) => ReadOnly === true));
});
