import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import {
  deployKeys,
  keyDocument,
  networkKeys,
  secretKeys,
  serviceKeys,
  volumeKeys,
} from '../../../../cli/compose/specs/keys.js';
import { projectFolder } from '../../../helpers/compose/corpus.js';

interface Definition {
  readonly properties: Readonly<Record<string, unknown>>;
}

const schema = JSON.parse(
  readFileSync(join(projectFolder(), 'cli/compose/schema/compose-spec.json'), 'utf8'),
) as { readonly definitions: Readonly<Record<string, Definition>> };

const tables = [
  ['service', serviceKeys],
  ['deployment', deployKeys],
  ['network', networkKeys],
  ['volume', volumeKeys],
] as const;

for (const [definition, keys] of tables) {
  test(`the table of ${definition} keys lists exactly the keys of the schema`, (t) => {
    const known = Object.keys(schema.definitions[definition]?.properties ?? {});
    t.deepEqual(Object.keys(keys).sort(), known.sort());
  });
}

test('the table of secret and config keys lists exactly the keys of the schema', (t) => {
  const known = ['secret', 'config'].flatMap((definition) =>
    Object.keys(schema.definitions[definition]?.properties ?? {}),
  );
  t.deepEqual(Object.keys(secretKeys).sort(), [...new Set(known)].sort());
});

test('docs/reference/compose.md equals the generated document', (t) => {
  t.is(readFileSync(join(projectFolder(), 'docs/reference/compose.md'), 'utf8'), keyDocument());
});
