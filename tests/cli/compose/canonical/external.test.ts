import test from 'ava';
import { fileWith, loadFiles, refusalOf } from '../../../helpers/compose/load-files.js';

const file = (keys: string): string => fileWith('networks: [n]', `networks: {n: {${keys}}}\n`);

test('the deprecated mapping with a name is external with that name, and a warning', (t) => {
  for (const keys of ['external: {name: other}', 'external: {name: other}, name: other']) {
    const { project, warnings } = loadFiles(t, { 'compose.yaml': file(keys) });
    t.like(project.networks.n, { external: true, name: 'other' });
    t.deepEqual(warnings, [
      'networks.n: external.name is deprecated; write name and external: true',
    ]);
  }
});

test('two different names are refused', (t) => {
  t.regex(
    refusalOf(t, { 'compose.yaml': file('external: {name: other}, name: third') }),
    /networks\.n: name and external\.name differ; use name only$/u,
  );
});

test('a mapping without a name is external with the key as its name', (t) => {
  const { project, warnings } = loadFiles(t, { 'compose.yaml': file('external: {}') });
  t.like(project.networks.n, { external: true, name: 'n' });
  t.deepEqual(warnings, []);
});
