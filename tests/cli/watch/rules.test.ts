import test from 'ava';
import type { Project, ComposeService } from '../../../cli/compose/model.js';
import { containerPath } from '../../../cli/watch/containers.js';
import { ruleApplies, watchRules } from '../../../cli/watch/rules.js';
import { diffSnapshots } from '../../../cli/watch/tree.js';

type Trigger = NonNullable<NonNullable<ComposeService['develop']>['watch']>[number];

function rulesFor(watch: readonly Trigger[], build?: ComposeService['build'], ignoreFile = '') {
  const web: ComposeService = {
    command: null,
    entrypoint: null,
    develop: { watch },
    ...(build === undefined ? {} : { build }),
  };
  return watchRules({ services: { web } } as unknown as Project, ['web'], () => ignoreFile);
}

function ruleFor(trigger: Partial<Trigger>, build?: ComposeService['build'], ignoreFile?: string) {
  const [rule] = rulesFor(
    [{ path: '/app/src', action: 'sync', target: '/srv', ...trigger }],
    build,
    ignoreFile,
  );
  if (rule === undefined) throw new Error('no rule');
  return (path: string) => ruleApplies(rule, path);
}

test('paths ignored by the rule, by .dockerignore or as temporary files are not watched', (t) => {
  const isWatched = ruleFor(
    { ignore: ['*.log', 'tmp'] },
    { context: '/app' },
    'src/gen\n/other\n**/*.md\n',
  );
  const paths = [
    'a.js',
    'd/a.js',
    'a.log',
    'tmp',
    'tmp/x',
    'gen/x',
    'other',
    'd/x.md',
    '.git/x',
    'a~',
  ];
  t.deepEqual(paths.filter(isWatched), ['a.js', 'd/a.js', 'other']);
});

test('include restricts a rule to matching paths and to the watched path itself', (t) => {
  const isWatched = ruleFor({ include: ['**/*.js'], ignore: ['skip/**'] });
  t.deepEqual(['', 'a.js', 'd/a.js', 'a.css', 'skip/a.js'].filter(isWatched), [
    '',
    'a.js',
    'd/a.js',
  ]);
});

test('invalid watch rules are refused', (t) => {
  t.throws(() => rulesFor([]), {
    message: /none of the selected services is configured for watch/u,
  });
  t.throws(() => rulesFor([{ path: '/a', action: 'rebuild' }]), {
    message: `can't watch service "web" with action rebuild without a build context`,
  });
  t.throws(() => rulesFor([{ path: '/a', action: 'dance', target: '/b' }]), {
    message: /unknown watch action "dance"/u,
  });
});

test('a watched path maps to a path below the target', (t) => {
  t.is(containerPath({ target: '/srv/' }, 'd/a'), '/srv/d/a');
  t.is(containerPath({ target: '/etc/my.conf' }, ''), '/etc/my.conf');
  t.is(containerPath({ target: '/srv' }, '../../x'), '/x');
});

test('a diff lists new and modified paths and the topmost removed ones', (t) => {
  const before = new Map([
    ['a', '1'],
    ['d', 'f'],
    ['d/x', '1'],
    ['d/y', '1'],
    ['e', '1'],
  ]);
  const now = new Map([
    ['a', '2'],
    ['e', '1'],
    ['n', 'f'],
    ['n/z', '1'],
  ]);
  t.deepEqual(diffSnapshots(before, now), { changed: ['a', 'n', 'n/z'], removed: ['d'] });
  t.deepEqual(diffSnapshots(now, now), { changed: [], removed: [] });
});
