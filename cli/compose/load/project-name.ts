import { basename } from 'node:path';
import { ComposeError } from '../error.js';

/** Lower case, without what a project name may not hold. */
export function normalizeProjectName(name: string): string {
  return name
    .toLowerCase()
    .replace(/[^a-z0-9_-]/g, '')
    .replace(/^[_-]+/, '');
}

/** A name from `-p` or COMPOSE_PROJECT_NAME, which must be right as it is. */
export function checkProjectName(name: string): string {
  if (name === normalizeProjectName(name) && name !== '') return name;
  throw new ComposeError(
    `invalid project name "${name}", use lower-case letters, digits, - and _, beginning with a letter or digit`,
  );
}

export function projectNameOfDirectory(directory: string): string {
  return normalizeProjectName(basename(directory));
}
