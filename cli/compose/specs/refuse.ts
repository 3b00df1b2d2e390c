import { ComposeError } from '../error.js';
import type { Project } from '../model.js';

/** An error about a key of a loaded project, with its place. */
export function refusal(
  project: Project,
  path: readonly (string | number)[],
  reason: string,
): ComposeError {
  return new ComposeError(`${project.locate(path)}: ${reason}`);
}
