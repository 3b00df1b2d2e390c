import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import type { LoadRequest } from '../../../cli/compose/load/load.js';
import { runConfig, type ConfigOptions } from '../../../cli/project/render-config.js';

/** Returns the output of `config`; the expected texts are from docker compose 2.40.3. */
function printed(
  t: ExecutionContext,
  text: string,
  options: ConfigOptions = {},
  request: Partial<LoadRequest> = {},
): string {
  const cwd = mkdtempSync(join(tmpdir(), 'config-output-'));
  t.teardown(() => {
    rmSync(cwd, { recursive: true });
  });
  writeFileSync(join(cwd, 'compose.yaml'), text);
  let output = '';
  const stdout = (part: string): void => {
    output += part;
  };
  runConfig({ cwd, env: {}, ...request }, options, { stdout, stderr: () => undefined });
  return output.replaceAll(cwd, '{{CASE}}');
}

test('extension fields are printed in YAML at their place, after the other fields', (t) => {
  const text = `name: ext
services:
  a:
    x-own: {z: 1, b: yes}
    image: img
    deploy: {x-deploy: 1, resources: {x-res: 1}}
    networks: {net: {x-at: 1}}
    volumes: [{type: bind, source: /a, target: /b, x-vol: 1}]
networks: {net: {x-net: 2}}
`;
  t.is(
    printed(t, text),
    `name: ext
services:
  a:
    deploy:
      resources:
        x-res: 1
      x-deploy: 1
    image: img
    networks:
      net:
        x-at: 1
    volumes:
      - type: bind
        source: /a
        target: /b
        x-vol: 1
    x-own:
      b: "yes"
      z: 1
networks:
  net:
    name: ext_net
    x-net: 2
`,
  );
  t.false(printed(t, text, { format: 'json' }).includes('x-'));
});

test('resources have no name without normalization', (t) => {
  const text = 'name: n\nservices: {a: {image: img, volumes: ["vol:/v"]}}\nvolumes: {vol: {}}\n';
  const model = JSON.parse(printed(t, text, { normalize: false, format: 'json' })) as object;
  t.like(model, { volumes: { vol: {} } });
  t.notRegex(JSON.stringify(model), /"name":""/u);
});

test('an unknown format is refused by name', (t) => {
  const text = 'services: {a: {image: img}}\n';
  t.throws(() => printed(t, text, { format: 'xml' }), { message: /"xml": use yaml or json/u });
});

test('keys of mappings are printed in the order of Go, fields in their own', (t) => {
  const text = `name: ord
services:
  a10: {image: x, environment: {A10: 1, A2: 2, a: 3, A_B: 5, "01": 3, "1": 4, _X: 1}}
  a2: {image: x, x-b10: 1, x-b2: 1, ulimits: {nofile: 0, nproc: {soft: 1, hard: 2}}}
x-b10: 1
x-b2: 1
`;
  t.is(
    printed(t, text),
    `name: ord
services:
  a2:
    image: x
    networks:
      default: null
    ulimits:
      nofile:
        soft: 0
        hard: 0
      nproc:
        soft: 1
        hard: 2
    x-b2: 1
    x-b10: 1
  a10:
    environment:
      _X: "1"
      "1": "4"
      "01": "3"
      A_B: "5"
      A2: "2"
      A10: "1"
      a: "3"
    image: x
    networks:
      default: null
networks:
  default:
    name: ord_default
x-b2: 1
x-b10: 1
`,
  );
});

const variables =
  'services: {a: {image: "${IMG:-x}", labels: {b: "${R:?must}", c: "${ALT:+foo}"}}}\n';

test('variables are printed as JSON and YAML with the names of docker compose', (t) => {
  const json = JSON.parse(printed(t, variables, { variables: true, format: 'json' })) as unknown;
  t.deepEqual(json, {
    ALT: { Name: 'ALT', DefaultValue: '', PresenceValue: 'foo', Required: false },
    IMG: { Name: 'IMG', DefaultValue: 'x', PresenceValue: '', Required: false },
    R: { Name: 'R', DefaultValue: '', PresenceValue: '', Required: true },
  });
  t.true(
    printed(t, variables, { variables: true, format: 'yaml' }).startsWith(
      'ALT:\n    name: ALT\n    defaultvalue: ""\n    presencevalue: foo\n    required: false\n',
    ),
  );
  t.regex(printed(t, variables, { variables: true }), /^NAME +REQUIRED +DEFAULT VALUE/u);
});

test('names without a value stay without interpolation; unset arguments of a build go', (t) => {
  const text =
    'services: {a: {image: x, environment: [FOO, "B=${B}"], build: {args: [FOO, C=1]}}}\n';
  const env = { FOO: 'set' };
  const model = printed(t, text, { interpolate: false, format: 'json' }, { env });
  t.like(JSON.parse(model), {
    services: { a: { environment: ['FOO', 'B=${B}'], build: { args: ['C=1'] } } },
  });
  const raw = printed(t, text, { interpolate: false, normalize: false, format: 'json' }, { env });
  t.like(JSON.parse(raw), {
    name: undefined,
    services: { a: { build: { args: ['FOO', 'C=1'] } } },
  });
});

const profiled = `services:
  e: {image: e, profiles: [e], depends_on: [f]}
  f: {image: f, profiles: [f]}
  g: {image: g, depends_on: {f: {condition: service_started, required: false}}}
`;

test('a named service needs its required dependencies and drops optional inactive ones', (t) => {
  t.throws(() => printed(t, profiled, {}, { services: ['e'] }), {
    message: /compose.yaml:2:45: services.e.depends_on.f: no such service: f; enable .*: f$/u,
  });
  const both = JSON.parse(
    printed(t, profiled, { format: 'json' }, { services: ['e', 'f'] }),
  ) as object;
  t.like(both, { services: { e: { depends_on: { f: { required: true } } } } });
  const named = printed(t, profiled, { format: 'json' }, { services: ['g'] });
  t.like(JSON.parse(named), { services: { g: { image: 'g', depends_on: undefined } } });
  t.true(printed(t, profiled, { format: 'json' }).includes('depends_on'));
});
