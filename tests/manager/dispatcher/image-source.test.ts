import test from 'ava';
import fc from 'fast-check';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { ImageHolder } from '../../../manager/dispatcher/image-source.js';
import { selectImageSource } from '../../../manager/dispatcher/image-source.js';

function holder(name: string, more: Partial<ImageHolder> = {}): ImageHolder {
  const seen = { id: 'sha256:1', platform: 'linux/amd64', sizeBytes: 1, createdAt: 1 };
  return { nodeId: name as NodeId, name, ...seen, ...more };
}

test('the image source is the newest build that fits the platform', (t) => {
  const old = holder('a');
  const fresh = holder('b', { createdAt: 2 });
  const foreign = holder('c', { createdAt: 3, platform: 'linux/arm64/v8' });
  t.is(selectImageSource([old, fresh, foreign], 'linux/amd64')?.name, 'b');
  t.is(selectImageSource([old, fresh, foreign], 'linux/arm64')?.name, 'c');
  t.is(selectImageSource([old, fresh], 'linux/arm64'), undefined);
  t.is(selectImageSource([], 'linux/amd64'), undefined);
});

test('of equal builds the first name is the source, in whatever order the nodes answered', (t) => {
  const holders = ['x', 'y', 'z'].map((name) => holder(name));
  fc.assert(
    fc.property(fc.shuffledSubarray(holders, { minLength: 3 }), (answers) => {
      t.is(selectImageSource(answers, 'linux/amd64')?.name, 'x');
    }),
  );
});
