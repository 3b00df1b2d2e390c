import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { readPreferences } from '../../../../../cli/preferences/preferences-file.js';
import { listScreen } from '../../../../../cli/dashboard/view-model/state/model.js';
import {
  columnsOf,
  parsePreferences,
  sortOf,
} from '../../../../../cli/dashboard/view-model/state/preferences.js';
import { listViews } from '../../../../../cli/dashboard/view-model/views/all.js';
import { lookAt, simulatedWorld } from '../../../../helpers/fakes/world.js';

const world = simulatedWorld({ nodes: 1, services: 1, replicas: 1 });

test('preferences set the columns and the sort order until the user chooses another one', (t) => {
  const preferences = parsePreferences({
    columns: { tasks: ['node', 'name'] },
    sort: { tasks: '-cpu' },
  });
  const look = { ...lookAt(world), preferences };
  t.deepEqual(
    columnsOf(listViews.tasks, look).map(({ key }) => key),
    ['node', 'name'],
  );
  t.true(columnsOf(listViews.services, look).length > 5);
  t.deepEqual(sortOf(listScreen('tasks'), look), { column: 'cpu', descending: true });
  const chosen = { ...listScreen('tasks'), sort: { column: 'age', descending: false } };
  t.is(sortOf(chosen, look).column, 'age');
});

for (const [value, pattern] of [
  [[], /the file: must be a mapping/u],
  [{ colums: {} }, /colums: unknown key; use theme, ascii/u],
  [{ columns: { pods: ['name'] } }, /columns\.pods: unknown view; use machines/u],
  [{ columns: { tasks: ['nmae'] } }, /columns\.tasks nmae: unknown column; use name, state/u],
  [{ columns: { tasks: [] } }, /columns\.tasks: must be a list of columns/u],
  [{ sort: { tasks: 3 } }, /sort\.tasks: must be a column/u],
  [{ mouse: 'yes' }, /mouse: must be true or false/u],
  [{ hotkeys: { x: 3 } }, /hotkeys\.x: must be a command/u],
] as const) {
  test(`preferences ${JSON.stringify(value)} are rejected with the key`, (t) => {
    t.throws(() => parsePreferences(value), { message: pattern });
  });
}

test('the preferences file is found through XDG, and errors name it', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-prefs-'));
  t.teardown(() => rm(folder, { recursive: true }));
  t.deepEqual((await readPreferences({ XDG_CONFIG_HOME: folder })).hotkeys, {});
  const file = join(folder, 'dashboard.yaml');
  await writeFile(file, 'theme: light\nhotkeys:\n  ctrl-t: ":top {{.Service}}"\n');
  const read = await readPreferences({ SHOAL_DASHBOARD: file });
  t.is(read.theme, 'light');
  t.deepEqual(read.hotkeys, { 'ctrl-t': 'top {{.Service}}' });
  await writeFile(file, 'mouse: 3\n');
  await t.throwsAsync(readPreferences({ SHOAL_DASHBOARD: file }), {
    message: /dashboard\.yaml: mouse: must be true or false/u,
  });
  await writeFile(file, 'a: [\n');
  await t.throwsAsync(readPreferences({ SHOAL_DASHBOARD: file }), { message: /dashboard\.yaml/u });
});
