import { statSync } from 'node:fs';

/**
 * Returns the working directory under the shell's name for it (PWD), so that a symbolic link gives
 * the project its name, as with docker compose. PWD is used only if it refers to the same folder.
 */
export function workingDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const physical = process.cwd();
  const { PWD: logical = '' } = env;
  if (!logical.startsWith('/') || logical.split('/').some((part) => part === '.' || part === '..'))
    return physical;
  const [a, b] = [statSync(logical, { throwIfNoEntry: false }), statSync(physical)];
  return a?.dev === b.dev && a.ino === b.ino ? logical : physical;
}
