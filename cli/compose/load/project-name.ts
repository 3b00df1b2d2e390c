import { basename } from 'node:path';
import { ComposeError } from '../error.js';

/** Converts to lower case and removes characters that are invalid in a project name. */
export function normalizeProjectName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

/**
 * Validates a name from `-p` or COMPOSE_PROJECT_NAME, which is not normalized. Throws ComposeError.
 */
export function checkProjectName(name: string): string {
  if (name === normalizeProjectName(name) && name !== '') return name;
  throw new ComposeError(
    `invalid project name "${name}"; use lower-case letters, digits, - and _, beginning with a letter or digit`,
  );
}

export function projectNameOfDirectory(directory: string): string {
  return normalizeProjectName(basename(directory));
}
