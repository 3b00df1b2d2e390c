import test from 'ava';
import {
  mergeImages,
  mergePruned,
  nodeFilter,
} from '../../../../manager/gateway/translate/image.js';

test('an image on several nodes is listed once with all its tags', (t) => {
  const image = { Id: 'sha256:1', RepoDigests: null, Created: 5, Labels: null };
  const merged = mergeImages([
    { node: 'alpha', images: [{ ...image, RepoTags: ['web:1'] }] },
    {
      node: 'beta',
      images: [
        { ...image, RepoTags: ['web:1', 'web:2'] },
        { ...image, Id: 'sha256:2', Created: 9, RepoTags: ['<none>:<none>'] },
      ],
    },
  ]);
  t.deepEqual(
    merged.map(({ Id, RepoTags, nodes }) => ({ Id, RepoTags, nodes })),
    [
      { Id: 'sha256:2', RepoTags: [], nodes: ['beta'] },
      { Id: 'sha256:1', RepoTags: ['web:1', 'web:2'], nodes: ['alpha', 'beta'] },
    ],
  );
});

test('the filter of nodes is taken out of the query of the engines', (t) => {
  const read = (filters: string): readonly [boolean, boolean, string | null] => {
    const { isWanted, query } = nodeFilter(new URLSearchParams({ all: '1', filters }));
    return [isWanted('alpha'), isWanted('beta'), query.get('filters')];
  };
  t.deepEqual(read('{"node":["alpha"],"label":["a"]}'), [true, false, '{"label":["a"]}']);
  t.deepEqual(read('{"node":{"beta":true}}'), [false, true, '{}']);
  t.deepEqual(read('{"label":["a"]}'), [true, true, '{"label":["a"]}']);
  t.deepEqual(read('nonsense'), [true, true, 'nonsense']);
});

test('what nodes have pruned is added up', (t) => {
  const merged = mergePruned(
    [
      { ImagesDeleted: [{ Untagged: 'a' }], SpaceReclaimed: 5 },
      { ImagesDeleted: null, SpaceReclaimed: 2 },
    ],
    'ImagesDeleted',
  );
  t.deepEqual(merged, { ImagesDeleted: [{ Untagged: 'a' }], SpaceReclaimed: 7 });
});
