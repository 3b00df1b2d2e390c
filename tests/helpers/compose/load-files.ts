import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { ExecutionContext } from 'ava';
import type { LoadRequest, LoadResult } from '../../../cli/compose/load/load.js';
import { loadProjectSync, readContents } from '../../../cli/compose/load/load.js';
import { toSpecs } from '../../../cli/compose/to-specs.js';
import { messageOf } from '../../../manager/common/base/errors.js';
import type { ServiceSpec } from '../../../manager/common/model/service.js';
import type { ProjectSpecs } from '../../../manager/common/protocol/project-calls.js';

/** Contents of files by path below the project's folder. */
export type Files = Readonly<Record<string, string>>;

/** Writes the files to a folder that is removed after the test; returns the folder. */
export function writeFiles(t: ExecutionContext, files: Files): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'compose-')));
  t.teardown(() => {
    rmSync(folder, { recursive: true });
  });
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  return folder;
}

/** Loads `compose.yaml`, or the files of the request, as project `shop`. */
export function loadFiles(
  t: ExecutionContext,
  files: Files,
  request: Partial<LoadRequest> = {},
): LoadResult {
  return loadProjectSync({ projectName: 'shop', env: {}, cwd: writeFiles(t, files), ...request });
}

/** The message of a refused load without the folder of the files; empty if it is not refused. */
export function refusalOf(
  t: ExecutionContext,
  files: Files,
  request: Partial<LoadRequest> = {},
): string {
  const cwd = writeFiles(t, files);
  try {
    const { project } = loadProjectSync({ projectName: 'shop', env: {}, cwd, ...request });
    toSpecs(project, readContents(project));
    return '';
  } catch (error) {
    return messageOf(error).replaceAll(`${cwd}/`, '');
  }
}

export function specsOf(t: ExecutionContext, compose: string): ProjectSpecs {
  const { project } = loadFiles(t, { 'compose.yaml': compose });
  return toSpecs(project, readContents(project));
}

/** Service `a` of a file in which it has an image and these keys, in flow style. */
export function serviceWith(t: ExecutionContext, keys: string, more = ''): ServiceSpec {
  const { services } = specsOf(t, fileWith(keys, more));
  const found = services.find(({ service }) => service === 'a');
  if (found === undefined) throw new Error('the project has no service a');
  return found;
}

/** A file in which service `a` has an image and these keys, in flow style. */
export function fileWith(keys: string, more = ''): string {
  return `services:\n  a: {image: x${keys === '' ? '' : `, ${keys}`}}\n${more}`;
}
