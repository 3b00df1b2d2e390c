import test from 'ava';
import {
  mergeDiskUsage,
  mergePlugins,
  volumeSizes,
} from '../../../../manager/gateway/translate/disk-usage.js';

test('the disk usage of nodes is added up, with the containers of the cluster only', (t) => {
  const merged = mergeDiskUsage(
    [
      {
        node: 'alpha',
        value: {
          LayersSize: 5,
          Images: [{ Id: 'i' }],
          Containers: [{ Id: 'c1', Names: ['/shoal-x'] }, { Id: 'other' }],
          Volumes: null,
        },
      },
      { node: 'beta', value: { LayersSize: 2, Images: [{ Id: 'i' }], BuildCache: [{ ID: 'b' }] } },
      { node: 'gamma', value: null },
    ],
    new Map([['c1', '/shop-web-1']]),
  );
  t.deepEqual(merged, {
    LayersSize: 7,
    Images: [{ Id: 'i' }, { Id: 'i' }],
    Containers: [{ Id: 'c1', Names: ['/shop-web-1'] }],
    Volumes: [],
    BuildCache: [{ ID: 'b' }],
  });
});

test('a plugin on several nodes is listed once', (t) => {
  const plugin = { Name: 'vieux/sshfs', Enabled: true };
  t.deepEqual(mergePlugins([[plugin], [plugin], null]), [plugin]);
});

test('the sizes of a volume on several nodes are added up; unmeasured ones have none', (t) => {
  const usage = (Name: string, Size: number): object => ({
    Volumes: [{ Name, UsageData: { Size, RefCount: 0 } }, { Name: 'plain' }],
  });
  const sizes = volumeSizes([usage('data', 5), usage('data', 7), usage('nfs', -1), null]);
  t.deepEqual([...sizes], [['data', 12]]);
});
