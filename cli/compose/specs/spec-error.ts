import { ComposeError } from '../error.js';
import type { Project } from '../model.js';

/** Creates an error about a key of a loaded project, with the key's place in the file. */
export function specError(
  project: Project,
  path: readonly (string | number)[],
  reason: string,
): ComposeError {
  return new ComposeError(`${project.locate(path)}: ${reason}`);
}
