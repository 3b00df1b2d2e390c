import test from 'ava';
import { resolveEnvFiles } from '../../../../cli/compose/interpolation/environment.js';
import type { ComposeService } from '../../../../cli/compose/model.js';

function resolved(service: object, files: Readonly<Record<string, string>>, env = {}): object {
  const read = Object.keys(files).map((path) => ({ path }));
  const { environment, ...rest } = resolveEnvFiles(
    'a',
    { env_file: read, ...service } as unknown as ComposeService,
    new Map(Object.entries(env)),
    {
      read: (file) => (files[file] === undefined ? undefined : { file, text: files[file] }),
      home: undefined,
      warn: () => undefined,
      locate: (path) => path.join('.'),
    },
  );
  return 'env_file' in rest ? {} : { ...environment };
}

const files = { '1': 'A=1\nY=$A\nC=c1\nE=$C\n', '2': 'A=2\nZ=$A\nC=c2\nF=$C\nG=$Y\n' };

test('references see the shell, the service, the own file, then earlier files', (t) => {
  const read = { A: '2', Y: '1', C: 'c2', E: 'c1', Z: '2', F: 'c2', G: '1' };
  t.deepEqual(resolved({}, files), read);
  t.deepEqual(resolved({ environment: { A: '9' } }, files), {
    ...read,
    ...{ A: '9', Y: '9', Z: '9', G: '9' },
  });
  t.deepEqual(resolved({}, files, { A: 'sh' }), { ...read, Y: 'sh', Z: 'sh', G: 'sh' });
});

test('a variable without a value takes that of the shell, or hides those of files', (t) => {
  t.like(resolved({ environment: { C: null } }, files), { C: null, E: 'c1', F: 'c2' });
  t.like(resolved({ environment: { C: null } }, files, { C: 's' }), { C: 's', E: 's', F: 's' });
});

test('a missing file is an error unless it is not required', (t) => {
  t.throws(() => resolved({ env_file: [{ path: 'no' }] }, {}), {
    message: /services\.a\.env_file\.0/u,
  });
  t.deepEqual(resolved({ env_file: [{ path: 'no', required: false }] }, {}), {});
});
