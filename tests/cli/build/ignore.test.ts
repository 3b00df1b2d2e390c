import test from 'ava';
import { parseIgnore } from '../../../cli/build/ignore.js';

test('.dockerignore: the last rule that matches a path or one of its parents decides', (t) => {
  const ignore = parseIgnore('# all\n*.md\n!README.md\n/node_modules\n**/*.log\ndir/*/tmp\n');
  const ignored = (path: string) => ignore.ignores(path);
  t.deepEqual(
    ['a.md', 'README.md', 'sub/a.md', 'node_modules', 'node_modules/x/y', 'sub/node_modules'].map(
      ignored,
    ),
    [true, false, false, true, true, false],
  );
  t.deepEqual(
    ['a.log', 'x/y/a.log', 'dir/a/tmp', 'dir/a/tmp/z', 'dir/a/b/tmp', 'alog'].map(ignored),
    [true, true, true, true, false, false],
  );
  t.false(ignore.canPrune);
  t.true(parseIgnore('x\n').canPrune);
  t.true(parseIgnore('**\n!src\n').ignores('lib/a'));
  t.false(parseIgnore('**\n!src\n').ignores('src/deep/a'));
});
