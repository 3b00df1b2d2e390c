import type { Refuse } from './check-project.js';
import type { Project } from './model.js';

/** Second layer: values that a scheduler must interpret and the Compose tool lets pass. */
export function checkStrict(
  _project: Project,
  _refuse: Refuse,
  _warn: (message: string) => void,
): void {
  return;
}
