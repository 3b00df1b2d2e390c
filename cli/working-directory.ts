import { statSync } from 'node:fs';

/**
 * Where the user stands, by the name the shell knows it by: a link that leads here gives the project its
 * name, as with docker compose. PWD counts only when it is this very folder.
 */
export function workingDirectory(env: Readonly<Record<string, string | undefined>>): string {
  const here = process.cwd();
  const { PWD: named = '' } = env;
  if (!named.startsWith('/') || named.split('/').some((part) => part === '.' || part === '..'))
    return here;
  const [a, b] = [statSync(named, { throwIfNoEntry: false }), statSync(here)];
  return a?.dev === b.dev && a.ino === b.ino ? named : here;
}
