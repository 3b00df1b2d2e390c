import test from 'ava';
import type { Project } from '../../../cli/compose/model.js';
import { goJson, renderForYaml, renderProject, toPlainData } from '../../../cli/compose/render.js';
import { Float, valueAt, type Tree } from '../../../cli/compose/yaml/tree.js';
import { parseYaml } from '../../../cli/compose/yaml/yaml.js';

const treeOf = (text: string): Tree => parseYaml({ file: 'f', text })[0]?.root ?? null;

function project(fields: object, written = '{}'): Project {
  const tree = treeOf(written);
  return {
    ...{ name: 'p', services: {}, networks: {}, volumes: {}, secrets: {}, configs: {}, models: {} },
    ...{ extensions: {}, mergedTree: (path: readonly string[]) => valueAt(tree, path) },
    ...fields,
  } as unknown as Project;
}

const services = (a: object, written?: string): unknown =>
  (renderForYaml(project({ services: { a } }, written)).services as { a: unknown }).a;

test('JSON has sorted sections and omits the empty ones', (t) => {
  const fields = {
    services: { a: {} },
    configs: { c: { name: '' } },
    extensions: { 'x-b': 1, 'x-a': 2 },
  };
  t.is(
    JSON.stringify(renderProject(project(fields))),
    '{"configs":{"c":{}},"name":"p","services":{"a":{}},"x-a":2,"x-b":1}',
  );
});

test('JSON omits limits of 0, also those of a build', (t) => {
  const ulimits = { nofile: { soft: 0, hard: 2 }, nproc: 0 };
  const shown = { nofile: { hard: 2 }, nproc: 0 };
  const { services: a } = renderProject(
    project({ services: { a: { ulimits, build: { ulimits } } } }),
  );
  t.deepEqual(a, { a: { ulimits: shown, build: { ulimits: shown } } });
});

test('YAML appends nested extension fields at their places', (t) => {
  const written =
    'services: {a: {x-b: 1, x-a: 2, ports: [{target: 1, x-p: 3}], ulimits: {x-u: 1}}}';
  t.is(
    JSON.stringify(services({ ports: [{ target: 1 }], ulimits: { n: 1 } }, written)),
    '{"ports":[{"target":1,"x-p":3}],"ulimits":{"n":1},"x-a":2,"x-b":1}',
  );
});

test('a list that was written otherwise is printed without extension fields', (t) => {
  for (const ports of ['[{x-p: 3}]', '{x-p: 3}', '1']) {
    const written = `services: {a: {ports: ${ports}}}`;
    t.deepEqual(services({ ports: [{ target: 1 }, { target: 2 }] }, written), {
      ports: [{ target: 1 }, { target: 2 }],
    });
  }
});

test('YAML omits null fields, empty parts of deploy and the empty command of a trigger', (t) => {
  t.deepEqual(
    services({
      ...{ command: null, entrypoint: [], deploy: { labels: {}, replicas: 0 } },
      develop: {
        watch: [
          { path: '/a', action: 'sync', exec: { command: null } },
          { path: '/b', action: 'sync+exec', exec: { command: ['c'] } },
        ],
      },
    }),
    {
      ...{ entrypoint: [], deploy: { replicas: 0 } },
      develop: {
        watch: [
          { path: '/a', action: 'sync' },
          { path: '/b', action: 'sync+exec', exec: { command: ['c'] } },
        ],
      },
    },
  );
});

test('plain data has sorted keys and ordinary numbers', (t) => {
  t.is(
    JSON.stringify(toPlainData(treeOf('{b: [1.0, 2.5, .inf], a: 18446744073709551615, c: }'))),
    '{"a":18446744073709552000,"b":[1,2.5,"+Inf"],"c":null}',
  );
  t.is(toPlainData(new Float(3)), 3);
});

test('JSON escapes characters of HTML like Go', (t) => {
  t.is(goJson({ a: '<&>\u2028' }), '{"a":"\\u003c\\u0026\\u003e\\u2028"}');
});

test('keys of device limits are capitalized in JSON only', (t) => {
  const blkio = { weight: 10, device_read_bps: [{ Path: '/dev/x', Rate: '1' }] };
  t.deepEqual(services({ blkio_config: blkio }), {
    blkio_config: { weight: 10, device_read_bps: [{ path: '/dev/x', rate: '1' }] },
  });
  const json = renderProject(project({ services: { a: { blkio_config: blkio } } }));
  t.deepEqual(json.services, { a: { blkio_config: blkio } });
});
