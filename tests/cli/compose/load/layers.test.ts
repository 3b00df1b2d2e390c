import test from 'ava';
import { isAbsolute, join } from 'node:path';
import { loadProjectSync } from '../../../../cli/compose/load/load.js';
import { loadFiles, refusalOf, writeFiles } from '../../../helpers/compose/load-files.js';

const service = 'services:\n  a: {image: x}\n';

test('later files and documents override earlier ones', (t) => {
  const files = {
    'one.yaml': 'services:\n  a: {image: x, environment: {A: "1", B: "1"}}\n',
    'two.yaml': 'services:\n  a: {environment: {B: "2"}}\n---\nservices:\n  a: {image: y}\n',
  };
  const { project } = loadFiles(t, files, { files: ['one.yaml', 'two.yaml'] });
  t.is(project.services.a?.image, 'y');
  t.deepEqual({ ...project.services.a?.environment }, { A: '1', B: '2' });
});

test('a reset of a later file removes what an earlier one sets', (t) => {
  const files = {
    'one.yaml': 'services:\n  a: {image: x, command: [c], environment: {A: "1"}}\n',
    'two.yaml': 'services:\n  a: {command: !reset null, environment: !override {B: "2"}}\n',
  };
  const { project } = loadFiles(t, files, { files: ['one.yaml', 'two.yaml'] });
  t.is(project.services.a?.command ?? undefined, undefined);
  t.deepEqual({ ...project.services.a?.environment }, { B: '2' });
});

test('a file that is missing, empty or no mapping is refused', (t) => {
  t.regex(
    refusalOf(t, {}, { files: ['gone.yaml'] }),
    /gone\.yaml does not exist; check -f and COMPOSE_FILE$/u,
  );
  for (const text of ['', '# nothing\n', 'null\n', '---\n'])
    t.is(
      refusalOf(t, { 'compose.yaml': text }),
      'compose.yaml:1:1: compose file is empty; add the key services',
    );
  t.is(
    refusalOf(t, { 'compose.yaml': '[a]\n' }),
    'compose.yaml:1:1: top level must be a mapping; add the key services',
  );
});

test('tags without meaning and the attribute version are warnings', (t) => {
  const { warnings } = loadFiles(t, {
    'compose.yaml': 'version: "3"\nservices:\n  a: !own {image: x}\n',
  });
  t.is(warnings.length, 2);
  t.regex(warnings[0] ?? '', /compose\.yaml:3:6: tag !own has no meaning here/u);
  t.regex(warnings[1] ?? '', /compose\.yaml: the attribute `version` is obsolete and ignored/u);
  t.deepEqual(loadFiles(t, { 'compose.yaml': service }).warnings, []);
});

test('a service extends one of another file, whose paths are relative to that file', (t) => {
  const files = {
    'compose.yaml': 'services:\n  a: {extends: {file: base/b.yaml, service: b}, tty: true}\n',
    'base/b.yaml': 'services:\n  b: {image: x, volumes: ["./data:/d"], env_file: [b.env]}\n',
    'base/b.env': 'A=1\n',
  };
  const cwd = writeFiles(t, files);
  const { project } = loadProjectSync({ projectName: 'shop', env: {}, cwd });
  const a = project.services.a;
  t.like(a, { image: 'x', tty: true });
  t.is(a?.volumes?.[0]?.source, join(cwd, 'base/data'));
  t.deepEqual({ ...a?.environment }, { A: '1' });
});

test('an extended file must exist and have services', (t) => {
  const from = (path: string): string => `services:\n  a: {extends: {file: ${path}, service: b}}\n`;
  t.regex(
    refusalOf(t, { 'compose.yaml': from('gone.yaml') }),
    /^compose\.yaml:2:\d+: services\.a\.extends.*: extended file gone\.yaml does not exist; check extends\.file$/u,
  );
  t.regex(
    refusalOf(t, { 'compose.yaml': from('b.yaml'), 'b.yaml': 'volumes: {}\n' }),
    /extended file b\.yaml has no services; add the key services$/u,
  );
  t.regex(
    refusalOf(t, { 'compose.yaml': from('https://example.org/b.yaml') }),
    /^compose\.yaml:2:\d+: services\.a\.extends/u,
  );
  const documents = 'services:\n  b: {image: x}\n---\nservices:\n  b: {tty: true}\n';
  const { project } = loadFiles(t, { 'compose.yaml': from('b.yaml'), 'b.yaml': documents });
  t.like(project.services.a, { image: 'x', tty: true });
});

test('an included file brings its services, with paths and variables of its own folder', (t) => {
  const files = {
    'compose.yaml': `include: [sub/c.yaml]\n${service}`,
    'sub/c.yaml': 'services:\n  b: {image: "i:$TAG", volumes: ["./d:/d"]}\n',
    'sub/.env': 'TAG=7\n',
  };
  const cwd = writeFiles(t, files);
  const load = (env: Readonly<Record<string, string>>) =>
    loadProjectSync({ projectName: 'shop', env, cwd }).project.services;
  t.deepEqual(Object.keys(load({})), ['a', 'b']);
  t.is(load({}).b?.image, 'i:7');
  t.is(load({}).b?.volumes?.[0]?.source, join(cwd, 'sub/d'));
  t.is(load({ TAG: '8' }).b?.image, 'i:8', 'the environment of the including project comes first');
});

test('an include may name its folder and its environment files', (t) => {
  const include = (more: string): string => `include: [{path: sub/c.yaml, ${more}}]\n${service}`;
  const files = {
    'compose.yaml': include('project_directory: other, env_file: own.env'),
    'sub/c.yaml': 'services:\n  b: {image: "i:$TAG", volumes: ["./d:/d"]}\n',
    'own.env': 'TAG=9\n',
  };
  const cwd = writeFiles(t, files);
  const { b } = loadProjectSync({ projectName: 'shop', env: {}, cwd }).project.services;
  t.is(b?.image, 'i:9');
  t.is(b?.volumes?.[0]?.source, join(cwd, 'other/d'));
  t.regex(
    refusalOf(t, { ...files, 'compose.yaml': include('env_file: gone.env') }),
    /^compose\.yaml:1:\d+: include\.0\.env_file: env file gone\.env not found; check the path$/u,
  );
});

test('an include that is missing, remote, in a cycle or in conflict is refused', (t) => {
  t.regex(
    refusalOf(t, { 'compose.yaml': `include: [gone.yaml]\n${service}` }),
    /^compose\.yaml:1:\d+: include\.0.*: included file gone\.yaml does not exist; check the path$/u,
  );
  t.regex(
    refusalOf(t, { 'compose.yaml': `include: ["https://example.org/c.yaml"]\n${service}` }),
    /^compose\.yaml:1:\d+: include\.0/u,
  );
  t.regex(
    refusalOf(t, {
      'compose.yaml': `include: [c.yaml]\n${service}`,
      'c.yaml': 'include: [compose.yaml]\nservices:\n  b: {image: x}\n',
    }),
    /^c\.yaml:1:\d+: include\.0.*: include cycle detected: compose\.yaml -> c\.yaml -> compose\.yaml; remove one/u,
  );
  t.regex(
    refusalOf(t, {
      'compose.yaml': `include: [c.yaml]\n${service}`,
      'c.yaml': 'services:\n  a: {image: y}\n',
    }),
    /services\.a/u,
  );
});

test('names in a list of variables get the value of the environment, unless nothing is replaced', (t) => {
  const files = { 'compose.yaml': 'services:\n  a: {image: "$I", environment: [A, B=2, C]}\n' };
  const load = (interpolate: boolean) =>
    loadFiles(t, files, { env: { A: '1', I: 'x' }, options: { interpolate } }).project.services.a;
  t.deepEqual({ ...load(true)?.environment }, { A: '1', B: '2', C: null } as never);
  t.is(load(true)?.image, 'x');
  t.is(load(false)?.image, '$I');
});

test('paths stay as written if they are not to be resolved', (t) => {
  const files = { 'compose.yaml': 'services:\n  a: {image: x, volumes: ["./d:/d"]}\n' };
  const source = (resolvePaths: boolean): string =>
    loadFiles(t, files, { options: { resolvePaths } }).project.services.a?.volumes?.[0]?.source ??
    '';
  t.true(isAbsolute(source(true)));
  t.false(isAbsolute(source(false)));
});

test('a reset in an extended file holds for the service that extends it', (t) => {
  const { project } = loadFiles(t, {
    'compose.yaml':
      'services:\n  a: {extends: {file: b.yaml, service: b}, environment: {B: "2"}}\n',
    'b.yaml':
      'services:\n  b: {image: x, command: [c], environment: {A: "1"}}\n---\nservices:\n  b: {command: !reset null}\n',
  });
  t.is(project.services.a?.command ?? undefined, undefined);
  t.deepEqual({ ...project.services.a?.environment }, { A: '1', B: '2' });
});

test('a chain of extends may have 500 services', (t) => {
  // Names sort from the end of the chain to its start, so that no service is extended before.
  const chain = (length: number): string =>
    `services:\n${Array.from({ length }, (_, at) => {
      const [name, base] = [at, at + 1].map((each) => `s${String(each).padStart(4, '0')}`);
      const isLast = at === length - 1;
      return `  ${name ?? ''}: {${isLast ? 'image: x' : `extends: ${base ?? ''}`}}\n`;
    }).join('')}`;
  t.is(refusalOf(t, { 'compose.yaml': chain(500) }), '');
  t.regex(
    refusalOf(t, { 'compose.yaml': chain(520) }),
    /extends chain is longer than 500 services; shorten it$/u,
  );
});
