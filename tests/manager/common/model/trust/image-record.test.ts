import test from 'ava';
import type { NodeId } from '../../../../../manager/common/model/ids.js';
import type { ImageRecord } from '../../../../../manager/common/model/trust/image-record.js';
import {
  imageKey,
  isAgreed,
  isContentReference,
  recordedFirst,
  recordedId,
  withClaim,
} from '../../../../../manager/common/model/trust/image-record.js';

const nodeId = 'w1' as NodeId;
const record: ImageRecord = {
  ...{ version: 1, createdAt: 0, updatedAt: 0 },
  ...{ id: imageKey('app'), source: 'client', nodeId },
  contents: { 'linux/amd64': 'sha256:a', 'linux/arm64': 'sha256:b' },
};

test('names of the same image have one record', (t) => {
  for (const name of ['app', 'app:latest', 'library/app', 'docker.io/library/app:latest']) {
    t.is(String(imageKey(name)), 'app:latest');
  }
  t.is(String(imageKey('host:5000/app')), 'host:5000/app:latest');
  t.is(String(imageKey('host:5000/app:1')), 'host:5000/app:1');
  t.is(String(imageKey('app@sha256:0')), 'app@sha256:0');
});

test('ids and digests are references to a content, names with a tag are not', (t) => {
  for (const content of ['sha256:0', 'app@sha256:0', 'app:1@sha256:0', '0123456789ab']) {
    t.true(isContentReference(content));
  }
  for (const name of ['app', 'app:1', 'cafe', 'host:5000/sha256'])
    t.false(isContentReference(name));
});

test('an id is recorded for each platform, whatever its variant', (t) => {
  t.is(recordedId(record, 'linux/amd64'), 'sha256:a');
  t.is(recordedId(record, 'linux/arm64/v8'), 'sha256:b');
  t.is(recordedId(record, 'linux/aarch64'), 'sha256:b');
  t.is(recordedId(record, 'windows/amd64'), undefined);
  t.is(recordedId(undefined, 'linux/amd64'), undefined);
  t.deepEqual(withClaim(record.contents, { nodeId, platform: 'linux/x86_64', id: 'sha256:c' }), {
    'linux/amd64': 'sha256:c',
    'linux/arm64': 'sha256:b',
  });
});

test('claims agree if all of one platform have the same id', (t) => {
  const claim = (platform: string, id: string) => ({ nodeId, platform, id });
  const first = claim('linux/arm64/v8', '1');
  t.true(isAgreed([first, claim('linux/arm64', '1'), claim('linux/amd64', '2')], first));
  t.false(isAgreed([first, claim('linux/arm64', '2')], first));
});

test('recorded copies come first, the others keep their order', (t) => {
  const copy = (name: string, id: string) => ({ name, id, platform: 'linux/amd64' });
  const copies = [copy('x', 'sha256:z'), copy('y', 'sha256:y'), copy('z', 'sha256:a')];
  const names = (of?: ImageRecord) => recordedFirst(copies, of).map(({ name }) => name);
  t.deepEqual(names(record), ['z', 'x', 'y']);
  t.deepEqual(names(), ['x', 'y', 'z']);
});
