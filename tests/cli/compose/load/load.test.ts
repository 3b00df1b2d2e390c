import test from 'ava';
import { join } from 'node:path';
import {
  loadProject,
  loadProjectName,
  loadProjectSync,
  readContent,
  readContents,
} from '../../../../cli/compose/load/load.js';
import { messageOf } from '../../../../manager/common/base/errors.js';
import { loadFiles, refusalOf, writeFiles } from '../../../helpers/compose/load-files.js';

const service = 'services:\n  a: {image: x}\n';

test('the name is that of -p, of the environment, of the file or of the folder', (t) => {
  const cwd = writeFiles(t, {
    'My.Shop/compose.yaml': `name: $N\n${service}`,
    'My.Shop/plain.yaml': service,
    'My.Shop/twice.yaml': `name: one\n${service}---\nname: two\n`,
  });
  const name = (
    env: Readonly<Record<string, string>>,
    files: string[] = [],
    projectName?: string,
  ) => loadProjectName({ projectName, env, cwd: join(cwd, 'My.Shop'), files });
  t.is(name({ N: 'Written' }, [], 'given'), 'given');
  t.is(name({ N: 'Written', COMPOSE_PROJECT_NAME: 'env' }), 'env');
  t.is(name({ N: 'Written' }), 'written');
  t.is(name({}, ['plain.yaml']), 'myshop');
  t.is(name({}, ['twice.yaml']), 'two');
  t.throws(() => name({}), { message: /compose\.yaml:1:1: name: project name must not be empty/u });
  t.throws(() => name({}, [], 'UPPER'));
  t.throws(() => name({}, ['gone.yaml']), { message: /gone\.yaml does not exist/u });
});

test('a name with a wrong variable is refused at its place', (t) => {
  t.regex(
    refusalOf(t, { 'compose.yaml': `name: "\${N?no}"\n${service}` }, { projectName: undefined }),
    /^compose\.yaml:1:1: name: .*no/u,
  );
});

test('the files can use the name of the project', (t) => {
  const file = 'services:\n  a: {image: "$COMPOSE_PROJECT_NAME"}\n';
  t.is(loadFiles(t, { 'compose.yaml': file }).project.services.a?.image, 'shop');
});

test('profiles are those of the request, or of the environment', (t) => {
  const files = {
    'compose.yaml':
      'services:\n  a: {image: x}\n  b: {image: x, profiles: [one]}\n  c: {image: x, profiles: [two]}\n',
  };
  const enabled = (profiles: string[], value?: string) => {
    const env = value === undefined ? {} : { COMPOSE_PROFILES: value };
    const { project } = loadFiles(t, files, { profiles, env });
    return Object.keys(project.services).join('');
  };
  t.is(enabled([]), 'a');
  t.is(enabled(['one']), 'ab');
  t.is(enabled([], 'one,,two'), 'abc');
  t.is(enabled(['two'], 'one'), 'ac');
  t.deepEqual(loadFiles(t, files, { env: { COMPOSE_PROFILES: ',one,' } }).project.profiles, [
    'one',
  ]);
});

test('a request for services leaves out the others and what only they use', (t) => {
  const files = {
    'compose.yaml':
      'services:\n  a: {image: x, depends_on: [b]}\n  b: {image: x}\n  c: {image: x, networks: [n]}\nnetworks: {n: {}}\n',
  };
  const { project } = loadFiles(t, files, { services: ['a'] });
  t.deepEqual(Object.keys(project.services), ['a', 'b']);
  t.deepEqual(Object.keys(project.networks), ['default']);
  t.throws(() => loadFiles(t, files, { services: ['gone'] }), { message: /gone/u });
  const all = loadFiles(t, files, { services: ['a'], options: { allResources: true } });
  t.deepEqual(Object.keys(all.project.networks).sort(), ['default', 'n']);
});

test('passes can be left out', (t) => {
  const wrong = { 'compose.yaml': 'services:\n  a: {image: x, networks: [gone]}\n' };
  t.not(refusalOf(t, wrong), '');
  t.notThrows(() => loadFiles(t, wrong, { options: { consistency: false } }));
  const plain = { 'compose.yaml': service };
  t.true('default' in loadFiles(t, plain).project.networks);
  t.false('default' in loadFiles(t, plain, { options: { normalize: false } }).project.networks);
  const withFile = { 'compose.yaml': 'services:\n  a: {image: x, env_file: e}\n', e: 'A=1\n' };
  const environment = (resolveEnvironment: boolean) =>
    loadFiles(t, withFile, { options: { resolveEnvironment } }).project.services.a?.environment;
  t.deepEqual({ ...environment(true) }, { A: '1' });
  t.is(environment(false), undefined);
});

test('equal container names are refused', (t) => {
  const file =
    'services:\n  a: {image: x, container_name: one}\n  b: {image: x, container_name: one}\n';
  t.regex(refusalOf(t, { 'compose.yaml': file }), /container_name/u);
});

test('each warning is given once, at once and in the result', (t) => {
  const heard: string[] = [];
  const file = 'services:\n  a: {image: "x$V", hostname: "h$V"}\n';
  const { warnings } = loadFiles(
    t,
    { 'compose.yaml': file },
    { onWarning: (text) => heard.push(text) },
  );
  t.is(warnings.length, 1);
  t.deepEqual(heard, [...warnings]);
});

test('the project has its files, its extensions and the places of its keys', (t) => {
  const cwd = writeFiles(t, { 'compose.yaml': `x-own: {k: 1}\n${service}`, '.env': 'A=1\n' });
  const { project } = loadProjectSync({ projectName: 'shop', env: {}, cwd });
  t.is(project.workingDirectory, cwd);
  t.deepEqual(project.composeFiles, [join(cwd, 'compose.yaml')]);
  t.is(project.environment.A, '1');
  t.deepEqual(JSON.parse(JSON.stringify(project.extensions)), { 'x-own': { k: 1 } });
  t.is(
    project.locate(['services', 'a', 'image']),
    `${join(cwd, 'compose.yaml')}:3:7: services.a.image`,
  );
  t.is(project.mergedTree(['services', 'a', 'image']), 'x');
});

test('a rejected load rejects, and a folder is no file', async (t) => {
  const cwd = writeFiles(t, { 'sub/compose.yaml': service });
  const error = await t.throwsAsync(
    loadProject({ projectName: 'shop', env: {}, cwd, files: ['sub'] }),
  );
  t.regex(messageOf(error), /cannot read .*sub: is a directory; name the file in it$/u);
});

test('contents come from a file, the environment or the text, with the place of what is missing', (t) => {
  const cwd = writeFiles(t, {
    'compose.yaml': [
      'services:',
      '  a: {image: x, secrets: [f, e, gone, unset], configs: [t, far]}',
      'secrets:',
      '  f: {file: ./f}',
      '  e: {environment: E}',
      '  gone: {file: ./gone}',
      '  unset: {environment: U}',
      'configs:',
      '  t: {content: text}',
      '  far: {external: true}',
      '',
    ].join('\n'),
    f: 'from file',
  });
  const { project } = loadProjectSync({ projectName: 'shop', env: { E: 'from env' }, cwd });
  const text = (kind: 'secrets' | 'configs', key: string): string =>
    Buffer.from(readContent(project, kind, key)).toString();
  t.is(text('secrets', 'f'), 'from file');
  t.is(text('secrets', 'e'), 'from env');
  t.is(text('configs', 't'), 'text');
  const file = join(cwd, 'compose.yaml');
  t.throws(() => text('secrets', 'gone'), {
    message: `${file}:6:3: secrets.gone: file ${join(cwd, 'gone')} of secret gone does not exist; create it`,
  });
  t.throws(() => text('secrets', 'unset'), {
    message: `${file}:7:3: secrets.unset: environment variable U of secret unset is not set; export it`,
  });
  const complete = { ...project, secrets: { f: { name: 'f', file: join(cwd, 'f') } } };
  t.deepEqual([...readContents(complete).keys()], ['secrets/f', 'configs/t']);
});
