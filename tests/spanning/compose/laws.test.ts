import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync, existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import fc from 'fast-check';
import { runConfig } from '../../../cli/project/render-config.js';
import { parseBytes } from '../../../cli/compose/decode/bytes.js';
import { splitCommand } from '../../../cli/compose/decode/command.js';
import { formatDuration, parseComposeDuration } from '../../../cli/compose/decode/duration.js';
import { substitute } from '../../../cli/compose/interpolation/interpolate.js';
import { dependencyOrder, findCycle } from '../../../cli/compose/order.js';
import type { ComposeService } from '../../../cli/compose/model.js';
import { projectFolder } from '../../helpers/compose/corpus.js';

type Format = 'json' | 'yaml';

function config(files: readonly string[], cwd: string, format: Format, env = {}): string {
  let text = '';
  const request = { files, projectName: 'p', env: { HOME: '/home/tester', ...env }, cwd };
  runConfig(request, { format }, { stdout: (part) => (text += part), stderr: () => undefined });
  return text;
}

function scratch(t: ExecutionContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'compose-laws-'));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  return folder;
}

test('config reproduces its own output', (t) => {
  const root = join(projectFolder(), 'fixtures/compose');
  const folder = scratch(t);
  let loaded = 0;
  for (const name of readdirSync(root)) {
    const file = join(root, name, 'compose.yaml');
    if (!existsSync(file)) continue;
    const item = JSON.parse(readFileSync(join(root, name, 'case.json'), 'utf8')) as {
      env?: Record<string, string>;
      refuse?: string;
    };
    if (item.refuse !== undefined) continue;
    const once = config([file], join(root, name), 'json', item.env);
    writeFileSync(join(folder, 'compose.yaml'), config([file], join(root, name), 'yaml', item.env));
    const twice = config(['compose.yaml'], folder, 'json');
    t.deepEqual({ [name]: JSON.parse(twice) as unknown }, { [name]: JSON.parse(once) as unknown });
    loaded += 1;
  }
  t.true(loaded > 20);
});

test('two files merge like two documents of one file', (t) => {
  const folder = scratch(t);
  const base = 'services: {a: {image: x, ports: ["80:80"], labels: {l: "1"}}}\n';
  const over = 'services: {a: {ports: !override ["81:81"], labels: [m=2], command: run}}\n';
  writeFileSync(join(folder, 'base.yaml'), base);
  writeFileSync(join(folder, 'over.yaml'), over);
  writeFileSync(join(folder, 'both.yaml'), `${base}---\n${over}`);
  t.is(config(['base.yaml', 'over.yaml'], folder, 'json'), config(['both.yaml'], folder, 'json'));
});

test('interpolation replaces doubled dollar signs by one and changes nothing else', (t) => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      const doubled = text.replaceAll('$', '$$$$');
      t.is(
        substitute(doubled, () => undefined),
        text,
      );
    }),
  );
});

test('substituted values are not interpolated again', (t) => {
  fc.assert(
    fc.property(fc.string(), (value) => {
      t.is(
        substitute('a${V}b$V', () => value),
        `a${value}b${value}`,
      );
    }),
  );
});

test('a formatted duration parses to the same value', (t) => {
  fc.assert(
    fc.property(fc.bigInt(-(2n ** 62n), 2n ** 62n), (nanoseconds) => {
      t.is(parseComposeDuration(formatDuration(nanoseconds)), nanoseconds);
    }),
  );
});

test('a plain number of bytes parses to itself', (t) => {
  fc.assert(
    fc.property(fc.nat(), (bytes) => {
      t.is(parseBytes(String(bytes)), BigInt(bytes));
    }),
  );
});

test('words in single quotes are not changed by splitting', (t) => {
  const word = fc.string().filter((text) => !text.includes("'"));
  fc.assert(
    fc.property(fc.array(word, { minLength: 1 }), (words) => {
      t.deepEqual(splitCommand(words.map((text) => `'${text}'`).join(' ')), words);
    }),
  );
});

const graphs = fc
  .array(fc.array(fc.nat(9), { maxLength: 4 }), { minLength: 1, maxLength: 10 })
  .map((edges) => {
    const services: Record<string, ComposeService> = {};
    edges.forEach((targets, index) => {
      const names = targets
        .filter((target) => target < edges.length)
        .map((target) => `s${String(target)}`);
      const depends_on = Object.fromEntries(
        names.map((name) => [name, { condition: 'service_started', required: true } as const]),
      );
      services[`s${String(index)}`] = { command: null, entrypoint: null, depends_on };
    });
    return services;
  });

test('services are sorted after their dependencies unless a cycle is found', (t) => {
  fc.assert(
    fc.property(graphs, (services) => {
      const order = dependencyOrder(services);
      for (const name of order) {
        for (const other of Object.keys(services[name]?.depends_on ?? {})) {
          t.true(order.indexOf(other) < order.indexOf(name));
        }
      }
      const cycle = findCycle(services);
      t.is(cycle === undefined, order.length === Object.keys(services).length);
      if (cycle !== undefined) t.is(cycle[0], cycle.at(-1));
    }),
  );
});
