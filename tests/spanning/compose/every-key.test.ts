import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { isAppError } from '../../../manager/common/base/errors.js';
import { canonicalJson } from '../../../manager/common/base/canonical.js';
import { loadProject, readContents } from '../../../cli/compose/load/load.js';
import { toSpecs } from '../../../cli/compose/to-specs.js';
import { unsentKeys } from '../../../fixtures/compose-keys/unsent-keys.js';
import { projectFolder } from '../../helpers/compose/corpus.js';
import {
  SchemaSamples,
  withValue,
  type Sample,
  type SchemaNode,
} from '../../helpers/compose/schema-samples.js';

const folder = mkdtempSync(join(tmpdir(), 'every-key-'));
writeFileSync(join(folder, 'f.env'), 'FROM_FILE=1\n');
writeFileSync(join(folder, 'f.label'), 'from-file=1\n');
writeFileSync(join(folder, 'other.yaml'), '{"services": {"o": {"image": "o", "user": "o"}}}');
test.after.always(() => {
  rmSync(folder, { recursive: true });
});

/** A project with a resource of every kind, for keys to refer to. */
const base = {
  services: {
    a: { image: 'x' },
    b: {
      image: 'y',
      networks: { n1: null, default: null },
      volumes: ['v1:/v1'],
      secrets: ['s1'],
      configs: ['c1'],
    },
  },
  networks: { n1: {} },
  volumes: { v1: {} },
  secrets: { s1: { file: './f.env' } },
  configs: { c1: { file: './f.env' } },
  models: { m1: { model: 'm' } },
};

/** Returns the specs as JSON, without the hashes over the complete service. */
async function specsOf(document: unknown): Promise<string> {
  writeFileSync(join(folder, 'compose.yaml'), JSON.stringify(document));
  const env = { VARIABLE: 'value', HOME: folder };
  const request = { projectName: 'shop', env, cwd: folder };
  const { project } = await loadProject(request);
  const text = canonicalJson(toSpecs(project, readContents(project)));
  return text.replaceAll(/"(configHash|com\.docker\.compose\.config-hash)":"[0-9a-f]{64}"/g, '');
}

type Fate = 'changes' | 'refused' | 'nothing';

/** Omits the secret where it does not matter: its hash is slow on purpose. */
function baseFor({ key }: Sample): unknown {
  return key.includes('secrets') ? base : withValue(base, ['services', 'b', 'secrets'], undefined);
}

function documentFor(sample: Sample): unknown {
  const { key: own, path: at, trail } = sample;
  let document = baseFor(sample);
  const set = (path: Sample['path'], values: Readonly<Record<string, unknown>> = {}): void => {
    for (const [name, value] of Object.entries(values)) {
      document = withValue(document, [...path, name], value ?? undefined);
    }
  };
  for (const { key, path } of trail) {
    set(path, words.inside[key]);
    set(path.slice(0, -1), words.around[key]);
  }
  set(at.slice(0, -1), words.beside[own]);
  return document;
}

async function fateOf(sample: Sample): Promise<{ readonly fate: Fate; readonly message: string }> {
  const document = withValue(documentFor(sample), sample.path, sample.value);
  let without: string;
  try {
    without = await specsOf(withValue(document, sample.path, undefined));
  } catch {
    // The document is invalid without the key: compare with the base document.
    without = await specsOf(baseFor(sample));
  }
  try {
    const fate = (await specsOf(document)) === without ? 'nothing' : 'changes';
    return { fate, message: '' };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { fate: 'refused', message: error.message };
  }
}

const schema = JSON.parse(
  readFileSync(join(projectFolder(), 'cli/compose/schema/compose-spec.json'), 'utf8'),
) as SchemaNode;

const words = JSON.parse(
  readFileSync(join(projectFolder(), 'fixtures/compose/every-key/words.json'), 'utf8'),
) as {
  readonly values: Readonly<Record<string, unknown>>;
  readonly names: Readonly<Record<string, string>>;
  /** Values required inside a map, next to a map and next to a key; null removes a value. */
  readonly inside: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly around: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly beside: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly refused: readonly string[];
};

const samples = new SchemaSamples(schema, words);
const all: readonly Sample[] = [
  ...samples.below('service', 'services', ['services', 'a']),
  ...samples.below('network', 'networks', ['networks', 'n1']),
  ...samples.below('volume', 'volumes', ['volumes', 'v1']),
  ...samples.below('secret', 'secrets', ['secrets', 's1']),
  ...samples.below('config', 'configs', ['configs', 'c1']),
];

/**
 * Returns the test of a key, such as `services.deploy`; small tests show progress on slow machines.
 */
function groupOf({ key }: Sample): string {
  return key.split('.').slice(0, 2).join('.');
}

/** Returns the deviation from the expected effect of a key; undefined if there is none. */
async function deviationOf(sample: Sample): Promise<string | undefined> {
  const { fate, message } = await fateOf(sample);
  const { key } = sample;
  const expected = words.refused.includes(key)
    ? 'refused'
    : key in unsentKeys
      ? 'nothing'
      : 'changes';
  if (fate !== expected) {
    return `${key} = ${JSON.stringify(sample.value)}: ${fate}, not ${expected} ${message}`;
  }
  const hasPlace = fate !== 'refused' || /compose\.yaml:\d+:\d+: /.test(message);
  return hasPlace ? undefined : `${key}: refused without its place: ${message}`;
}

for (const group of new Set(all.map(groupOf))) {
  test.serial(
    `each key of ${group} changes the specs, is refused with its place, or is listed as quiet`,
    async (t) => {
      t.timeout(120_000);
      const wrong: string[] = [];
      for (const sample of all.filter((each) => groupOf(each) === group)) {
        const trouble = await deviationOf(sample);
        if (trouble !== undefined) wrong.push(trouble);
      }
      t.deepEqual(wrong, []);
    },
  );
}

test('the lists of keys contain only keys of the schema', (t) => {
  const seen = new Set(all.map(({ key }) => key));
  const named = [...words.refused, ...Object.keys(unsentKeys), ...Object.keys(words.values)];
  t.deepEqual(
    named.filter((key) => !seen.has(key)),
    [],
  );
  t.true(all.length > 250);
});
