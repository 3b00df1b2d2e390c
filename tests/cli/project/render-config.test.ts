import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { runConfig, type ConfigOptions } from '../../../cli/project/render-config.js';

/** Returns the output of `config`; the expected texts are from docker compose 2.40.3. */
function printed(t: ExecutionContext, text: string, options: ConfigOptions = {}): string {
  const cwd = mkdtempSync(join(tmpdir(), 'config-output-'));
  t.teardown(() => {
    rmSync(cwd, { recursive: true });
  });
  writeFileSync(join(cwd, 'compose.yaml'), text);
  let output = '';
  const stdout = (part: string): void => {
    output += part;
  };
  runConfig({ cwd, env: {} }, options, { stdout, stderr: () => undefined });
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
