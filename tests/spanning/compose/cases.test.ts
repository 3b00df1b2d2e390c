import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { loadProject, type LoadRequest } from '../../../cli/compose/load/load.js';
import { renderProject } from '../../../cli/compose/render.js';
import { isAppError, messageOf } from '../../../manager/common/base/errors.js';
import { projectFolder } from '../../helpers/compose/corpus.js';

/**
 * fixtures/compose/<case>/ contains a user's files and case.json with the expected result: values
 * of the canonical model by path (null if the key is absent), or a fragment of the error message.
 */
interface Case {
  readonly why: string;
  readonly files?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly profiles?: readonly string[];
  readonly projectName?: string;
  readonly expect?: Readonly<Record<string, unknown>>;
  readonly refuse?: string;
  readonly warnings?: readonly string[];
}

const root = join(projectFolder(), 'fixtures/compose');

for (const name of readdirSync(root).sort()) {
  const folder = join(root, name);
  if (!existsSync(join(folder, 'case.json'))) continue;
  const item = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as Case;
  test(`${name}: ${item.why}`, async (t) => {
    const request: LoadRequest = {
      files: item.files ?? [],
      profiles: item.profiles ?? [],
      projectName: item.projectName,
      env: { HOME: '/home/tester', ...item.env },
      cwd: folder,
    };
    if (item.refuse !== undefined) {
      const error = await t.throwsAsync(loadProject(request));
      t.true(isAppError(error), `not an AppError: ${String(error.stack)}`);
      const message = messageOf(error).replaceAll(folder, '{{CASE}}');
      t.true(message.includes(item.refuse), `${message}\nlacks\n${item.refuse}`);
      t.false(message.includes('\n'));
      return;
    }
    const { project, warnings } = await loadProject(request);
    const model = JSON.parse(
      JSON.stringify(renderProject(project)).replaceAll(folder, '{{CASE}}'),
    ) as unknown;
    for (const [path, value] of Object.entries(item.expect ?? {})) {
      t.deepEqual({ [path]: at(model, path) }, { [path]: value });
    }
    for (const text of item.warnings ?? []) {
      t.true(
        warnings.some((warning) => warning.includes(text)),
        `no warning has ${text}`,
      );
    }
    if (item.warnings === undefined) t.deepEqual(warnings, []);
  });
}

function at(model: unknown, path: string): unknown {
  let node = model;
  for (const key of path.split('.')) node = (node as Record<string, unknown> | undefined)?.[key];
  return node ?? null;
}
