import test from 'ava';
import {
  imageFilters,
  matchesImage,
  mergeImages,
} from '../../../../manager/gateway/translate/image.js';
import { filtersOf } from '../../../helpers/decisions/query-filters.js';

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
  const found = (filters: object): readonly string[] =>
    merged
      .filter((item) => matchesImage(item, filtersOf(filters, imageFilters)))
      .map(({ Id }) => Id);
  t.deepEqual(found({ dangling: ['true'] }), ['sha256:2']);
  t.deepEqual(found({ reference: ['we*:2'] }), ['sha256:1']);
  t.deepEqual(found({ reference: ['we'] }), []);
  t.deepEqual(found({ node: ['alpha'] }), ['sha256:1']);
});
