import test from 'ava';
import { ComposeError } from '../../../../cli/compose/error.js';
import {
  findProject,
  type ProjectFiles,
  type ProjectQuery,
} from '../../../../cli/compose/load/find.js';

interface Found extends ProjectFiles {
  readonly warnings: readonly string[];
}

function find(files: Readonly<Record<string, string>>, query: Partial<ProjectQuery> = {}): Found {
  const warnings: string[] = [];
  const found = findProject(
    { files: [], projectDirectory: undefined, envFiles: [], env: {}, cwd: '/p/sub', ...query },
    {
      read: (file) => (files[file] === undefined ? undefined : { file, text: files[file] }),
      isFile: (file) => files[file] !== undefined,
      home: undefined,
      warn: (message) => warnings.push(message),
    },
  );
  return { ...found, warnings };
}

const main = { '/p/compose.yaml': '' };

test('the first default name in the folder or a parent is taken, with its override', (t) => {
  const files = { '/p/docker-compose.yml': '', '/p/docker-compose.override.yml': '' };
  const found = find(files);
  t.deepEqual(found.files, Object.keys(files));
  t.is(found.directory, '/p');
  t.deepEqual(found.warnings, []);
});

test('several default files or overrides are named in a warning', (t) => {
  const found = find({
    ...{ '/p/compose.yaml': '', '/p/compose.yml': '' },
    ...{ '/p/compose.override.yml': '', '/p/compose.override.yaml': '' },
  });
  t.deepEqual(found.files, ['/p/compose.yaml', '/p/compose.override.yml']);
  t.deepEqual(found.warnings, [
    'found multiple compose files; using /p/compose.yaml, ignoring /p/compose.yml',
    'found multiple override files; using /p/compose.override.yml',
  ]);
});

test('without a file the error names the folder', (t) => {
  const error = t.throws(() => find({}), { instanceOf: ComposeError });
  t.true(error.message.includes('in /p/sub or a parent directory'));
});

test('-f comes before COMPOSE_FILE, which comes before default names', (t) => {
  const env = { COMPOSE_FILE: 'a.yaml:/q/b.yaml' };
  t.deepEqual(find(main, { env }).files, ['/p/sub/a.yaml', '/q/b.yaml']);
  t.is(find(main, { env }).directory, '/p/sub');
  t.deepEqual(find(main, { env, files: ['../c.yaml'] }).files, ['/p/c.yaml']);
  const separated = { COMPOSE_FILE: 'a:b;c', COMPOSE_PATH_SEPARATOR: ';' };
  t.deepEqual(find(main, { env: separated }).files, ['/p/sub/a:b', '/p/sub/c']);
});

test('the project directory is the given one, that of the first file, or the working directory', (t) => {
  t.is(find(main, { projectDirectory: '../other', files: ['x/a.yaml'] }).directory, '/p/other');
  t.is(find(main, { projectDirectory: '', files: ['x/a.yaml'] }).directory, '/p/sub/x');
  t.is(find(main, { files: ['-', 'x/a.yaml'] }).directory, '/p/sub/x');
  const fromInput = find(main, { files: ['-'] });
  t.deepEqual([fromInput.files, fromInput.directory], [['-'], '/p/sub']);
});

test('.env of the working directory may name the files, whose folder has variables as well', (t) => {
  const { environment, files } = find({
    '/p/sub/.env': 'COMPOSE_FILE=../x/a.yaml\nA=1\n',
    '/p/x/.env': 'A=2\nB=3\n',
  });
  t.deepEqual(files, ['/p/x/a.yaml']);
  t.deepEqual([environment.get('A'), environment.get('B')], ['1', '3']);
});

test('.env is read beside a file that is found in a parent', (t) => {
  t.is(find({ ...main, '/p/.env': 'A=1\n' }).environment.get('A'), '1');
});

test('variables of the shell come before those of files', (t) => {
  const { environment } = find(
    { ...main, '/p/.env': 'A=file\nB=$A\n' },
    { env: { A: 'shell', NONE: undefined } },
  );
  t.deepEqual([environment.get('A'), environment.get('B')], ['shell', 'shell']);
  t.false(environment.has('NONE'));
  t.is(environment.get('PWD'), '/p/sub');
  t.is(find(main, { env: { PWD: '/else' } }).environment.get('PWD'), '/else');
});

test('given files of variables replace .env; later ones win', (t) => {
  const files = { ...main, '/p/.env': 'C=3\n', '/p/sub/1.env': 'A=1\nB=1\n', '/p/2.env': 'A=2\n' };
  for (const query of [
    { envFiles: ['1.env', '../2.env'] },
    { env: { COMPOSE_ENV_FILES: '1.env,,../2.env' } },
  ]) {
    const { environment, environmentFiles } = find(files, query);
    t.deepEqual(environmentFiles, ['/p/sub/1.env', '/p/2.env']);
    t.deepEqual(
      ['A', 'B', 'C'].map((name) => environment.get(name)),
      ['2', '1', undefined],
    );
  }
  const error = t.throws(() => find(files, { envFiles: ['no.env'] }));
  t.is(
    error.message,
    "couldn't find env file: /p/sub/no.env; check --env-file and COMPOSE_ENV_FILES",
  );
});

test('COMPOSE_DISABLE_ENV_FILE leaves .env alone', (t) => {
  const files = { ...main, '/p/.env': 'A=1\n' };
  for (const [value, expected] of [
    ...[
      ['1', undefined],
      ['t', undefined],
      ['TRUE', undefined],
    ],
    ...[
      ['0', '1'],
      ['false', '1'],
      ['11', '1'],
    ],
  ] as const) {
    const env = { COMPOSE_DISABLE_ENV_FILE: value };
    t.is(find(files, { env }).environment.get('A'), expected);
  }
});

test('files of other hosts are refused', (t) => {
  for (const file of ['https://x/a.yaml', 'git@x:a/b', 'github.com/a/b', 'oci://x'])
    t.throws(() => find(main, { files: [file] }), { message: /remote Compose files/u });
});
