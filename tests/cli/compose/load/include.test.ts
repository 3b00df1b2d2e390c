import test from 'ava';
import {
  importResources,
  includesOf,
  refuseConflicts,
  type Include,
} from '../../../../cli/compose/load/include.js';
import {
  findMark,
  isMap,
  resolvePosition,
  type TreeMap,
} from '../../../../cli/compose/yaml/tree.js';
import { parseYaml } from '../../../../cli/compose/yaml/yaml.js';

function treeOf(text: string, file = 'f'): TreeMap {
  const root = parseYaml({ file, text })[0]?.root;
  if (!isMap(root)) throw new Error('not a mapping');
  return root;
}

const includes = (text: string): Include[] => includesOf(treeOf(text));

test('an include is a path, or a mapping with paths, a directory and files of variables', (t) => {
  t.deepEqual(
    includes('include: [a, {path: b}, {path: [c, d], project_directory: e, env_file: f}]'),
    [
      { paths: ['a'], projectDirectory: undefined, envFiles: [], at: ['include', 0] },
      { paths: ['b'], projectDirectory: undefined, envFiles: [], at: ['include', 1] },
      { paths: ['c', 'd'], projectDirectory: 'e', envFiles: ['f'], at: ['include', 2] },
    ],
  );
  const [numbered] = includes('include: [{path: a, project_directory: 1, env_file: [b, c]}]');
  t.deepEqual([numbered?.projectDirectory, numbered?.envFiles], ['1', ['b', 'c']]);
});

test('no include is none', (t) => {
  for (const text of ['a: b', 'include:', 'include: []']) t.deepEqual(includes(text), []);
});

test('malformed includes are refused with their place', (t) => {
  for (const [text, message] of [
    ['include: a', 'f:1:1: include: must be a list of files'],
    ['include: [1]', 'f:1:11: include.0: must be a path or a mapping with path'],
    [
      'include: [{path: a, x: 1}]',
      'f:1:21: include.0.x: is not a key of include; use path, project_directory or env_file',
    ],
    ['include: [{env_file: a}]', 'f:1:11: include.0: has no path; add the file to include'],
    ['include: [{path: [1]}]', 'f:1:12: include.0.path: must be a string or a list of strings'],
    [
      'include: [{path: a, env_file: {}}]',
      'f:1:21: include.0.env_file: must be a string or a list of strings',
    ],
  ] as const) {
    t.throws(() => includes(text), { message });
  }
});

test('missing sections and resources are imported with their places; others stay', (t) => {
  const target = treeOf('services: {a: {image: own}}\nvolumes:\n');
  const imported = treeOf(
    'services:\n  a: {image: x}\n  b: {image: y}\nvolumes: {v: {}}\nx-a: 1\n',
    'i',
  );
  const shared = importResources(imported, target);
  t.deepEqual(JSON.parse(JSON.stringify(target)), {
    services: { a: { image: 'own' }, b: { image: 'y' } },
    volumes: { v: {} },
  });
  t.like(resolvePosition(findMark(target, ['services', 'b'])), { file: 'i', line: 3 });
  t.deepEqual(
    shared.map(({ section, name }) => [section, name]),
    [['services', 'a']],
  );
  t.throws(
    () => {
      refuseConflicts(shared, target);
    },
    {
      message: 'f:1:12: services.a: conflicts with an included resource of that name; rename one',
    },
  );
});

test('every kind of resource is imported', (t) => {
  const target = treeOf('name: p');
  const text = ['services', 'volumes', 'networks', 'secrets', 'configs', 'models'];
  importResources(treeOf(text.map((section) => `${section}: {a: {}}\n`).join('')), target);
  t.deepEqual(Object.keys(target), ['name', ...text]);
});

test('equal resources are no conflict', (t) => {
  const target = treeOf('services: {a: {image: x, command: [b]}}');
  const shared = importResources(treeOf('services: {a: {command: [b], image: x}}'), target);
  t.is(shared.length, 1);
  t.notThrows(() => {
    refuseConflicts(shared, target);
  });
});

test('a section of the file that is no mapping is refused', (t) => {
  const target = treeOf('services: [a]');
  t.throws(() => importResources(treeOf('services: {b: {}}'), target), {
    message: 'f:1:1: services: must be a mapping',
  });
  t.notThrows(() => importResources(treeOf('services: [b]'), target));
});
