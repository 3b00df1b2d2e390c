import test from 'ava';
import fc from 'fast-check';
import type { NodeId } from '../../../manager/common/model/ids.js';
import type { ImageHolder } from '../../../manager/dispatcher/image-source.js';
import { selectImageSource } from '../../../manager/dispatcher/image-source.js';

function holder(name: string, more: Partial<ImageHolder> = {}): ImageHolder {
  const seen = { id: 'sha256:1', platform: 'linux/amd64', sizeBytes: 1, createdAt: 1 };
  return { nodeId: name as NodeId, name, ...seen, ...more };
}

/** The name of the source, or why there is none. */
function sourceOf(...choice: Parameters<typeof selectImageSource>): string {
  const source = selectImageSource(...choice);
  return source.kind === 'found' ? source.holder.name : source.kind;
}

test('the image source has the recorded content, however new the other copies are', (t) => {
  const honest = holder('b', { id: 'sha256:good' });
  const claimed = holder('a', { id: 'sha256:evil', createdAt: 2, taggedAt: 9 });
  t.is(sourceOf([claimed, honest], 'linux/amd64', 'sha256:good'), 'b');
  t.deepEqual(selectImageSource([claimed], 'linux/amd64', 'sha256:good'), {
    kind: 'differs',
    holders: [claimed],
  });
});

test('without a record all copies for the platform must have the same content', (t) => {
  const [one, same] = [holder('a'), holder('b', { createdAt: 2 })];
  const other = holder('c', { id: 'sha256:2', createdAt: 3 });
  const foreign = holder('d', { id: 'sha256:3', platform: 'linux/arm64/v8' });
  t.is(sourceOf([one, same, foreign], 'linux/amd64', undefined), 'a');
  t.is(sourceOf([one, same, other], 'linux/amd64', undefined), 'differs');
  t.is(sourceOf([one, same, other, foreign], 'linux/arm64', undefined), 'd');
});

test('a copy for another platform is no source', (t) => {
  t.is(sourceOf([holder('a')], 'linux/arm64', undefined), 'missing');
  t.is(sourceOf([holder('a')], 'linux/arm64', 'sha256:1'), 'missing');
  t.is(sourceOf([], 'linux/amd64', undefined), 'missing');
});

test('of equal copies the first name is the source, in whatever order the nodes answered', (t) => {
  const holders = ['x', 'y', 'z'].map((name) => holder(name));
  fc.assert(
    fc.property(fc.shuffledSubarray(holders, { minLength: 3 }), (answers) => {
      t.is(sourceOf(answers, 'linux/amd64', undefined), 'x');
      t.is(sourceOf(answers, 'linux/amd64', 'sha256:1'), 'x');
    }),
  );
});
