import test from 'ava';
import type { Project, Service } from '../../../cli/compose/model.js';
import { placeOf } from '../../../cli/watch/containers.js';
import { concerns, watchRules } from '../../../cli/watch/rules.js';
import { diffMarks } from '../../../cli/watch/tree.js';

type Trigger = NonNullable<NonNullable<Service['develop']>['watch']>[number];

function rulesFor(watch: readonly Trigger[], build?: Service['build'], ignoreFile = '') {
  const web: Service = {
    command: null,
    entrypoint: null,
    develop: { watch },
    ...(build === undefined ? {} : { build }),
  };
  return watchRules({ services: { web } } as unknown as Project, ['web'], () => ignoreFile);
}

function ruleFor(trigger: Partial<Trigger>, build?: Service['build'], ignoreFile?: string) {
  const [rule] = rulesFor(
    [{ path: '/app/src', action: 'sync', target: '/srv', ...trigger }],
    build,
    ignoreFile,
  );
  if (rule === undefined) throw new Error('no rule');
  return (path: string) => concerns(rule, path);
}

test('what a rule, the build and every editor leave out is not watched', (t) => {
  const about = ruleFor(
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
  t.deepEqual(paths.filter(about), ['a.js', 'd/a.js', 'other']);
});

test('with include only what it names is watched, and the path itself always', (t) => {
  const about = ruleFor({ include: ['**/*.js'], ignore: ['skip/**'] });
  t.deepEqual(['', 'a.js', 'd/a.js', 'a.css', 'skip/a.js'].filter(about), ['', 'a.js', 'd/a.js']);
});

test('what cannot be watched is said before anything is done', (t) => {
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

test('a file or a folder has its place below the target', (t) => {
  t.is(placeOf({ target: '/srv/' }, 'd/a'), '/srv/d/a');
  t.is(placeOf({ target: '/etc/my.conf' }, ''), '/etc/my.conf');
  t.is(placeOf({ target: '/srv' }, '../../x'), '/x');
});

test('a difference names what is new or other, and of what is gone the topmost', (t) => {
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
  t.deepEqual(diffMarks(before, now), { changed: ['a', 'n', 'n/z'], removed: ['d'] });
  t.deepEqual(diffMarks(now, now), { changed: [], removed: [] });
});
