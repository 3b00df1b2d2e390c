import test from 'ava';
import {
  anonymousVolumeLabel,
  decodeVolumeBody,
} from '../../../../manager/gateway/create/volume-body.js';

const newName = (): string => 'f'.repeat(64);

test('a volume keeps driver, options and labels', (t) => {
  const body = { Name: 'data', Driver: 'nfs', DriverOpts: { o: 'addr=a' }, Labels: { tier: 'db' } };
  t.deepEqual(decodeVolumeBody(body, newName), {
    ...{ name: 'data', project: '', key: 'data', driver: 'nfs', driverOpts: { o: 'addr=a' } },
    ...{ labels: { tier: 'db' }, external: false },
  });
});

test("docker compose's volume belongs to its project", (t) => {
  const Labels = { 'com.docker.compose.project': 'shop', 'com.docker.compose.volume': 'data' };
  const { project, key, driver } = decodeVolumeBody({ Name: 'shop_data', Labels }, newName);
  t.deepEqual([project, key, driver], ['shop', 'data', 'local']);
});

test('a volume without a name gets one and the label of anonymous volumes', (t) => {
  const { name, labels } = decodeVolumeBody({ Labels: { a: 'b' } }, newName);
  t.is(name, newName());
  t.deepEqual(labels, { a: 'b', [anonymousVolumeLabel]: '' });
});

test('names with other characters and cluster volumes are refused', (t) => {
  t.throws(() => decodeVolumeBody({ Name: 'a b' }, newName), {
    message: /^create a b: "a b" includes invalid characters for a local volume name/u,
  });
  t.throws(() => decodeVolumeBody({ Name: 'a', ClusterVolumeSpec: {} }, newName), {
    message: /ClusterVolumeSpec is not supported/u,
  });
});
