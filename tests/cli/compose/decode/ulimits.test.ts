import test from 'ava';
import { fileWith, loadFiles } from '../../../helpers/compose/load-files.js';

test('a limit is one number or a range, and a single 0 is a range', (t) => {
  const keys = 'ulimits: {nofile: {soft: 10, hard: 20}, nproc: 5, core: 0}';
  const { project } = loadFiles(t, { 'compose.yaml': fileWith(keys) });
  t.deepEqual(
    { ...project.services.a?.ulimits },
    { nofile: { soft: 10, hard: 20 }, nproc: 5, core: { soft: 0, hard: 0 } },
  );
  t.is(loadFiles(t, { 'compose.yaml': fileWith('') }).project.services.a?.ulimits, undefined);
});
