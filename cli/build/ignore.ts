interface Rule {
  readonly matches: RegExp;
  readonly keeps: boolean;
}

/** Says of a path below the context (`/` between parts) whether `.dockerignore` leaves it out. */
export interface Ignore {
  ignores(path: string): boolean;
  /** True when nothing below an ignored folder can come back by a `!` rule, so that it need not be read. */
  readonly prunes: boolean;
}

/**
 * The rules of `.dockerignore`, as the engine documents them: a line per pattern, `#` comments, `!` takes
 * back, `**` any number of folders, the last rule that matches a path or a folder above it decides.
 */
export function parseIgnore(text: string): Ignore {
  const rules = text
    .replace(/^\uFEFF/u, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => toRule(line.trim()));
  return {
    ignores: (path) => {
      let ignored = false;
      for (const { matches, keeps } of rules) {
        if (ignored === keeps && selfAndParents(path).some((part) => matches.test(part))) {
          ignored = !keeps;
        }
      }
      return ignored;
    },
    prunes: !rules.some(({ keeps }) => keeps),
  };
}

function selfAndParents(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_part, at) => parts.slice(0, at + 1).join('/'));
}

function toRule(line: string): readonly Rule[] {
  const keeps = line.startsWith('!');
  const pattern = cleaned(keeps ? line.slice(1).trim() : line);
  return pattern === '' || pattern === '.' ? [] : [{ matches: toRegExp(pattern), keeps }];
}

/** Without `.`, `..` and doubled slashes, from the root of the context. */
function cleaned(pattern: string): string {
  const parts: string[] = [];
  for (const part of pattern.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return parts.join('/');
}

function toRegExp(pattern: string): RegExp {
  let source = '';
  for (let at = 0; at < pattern.length; at += 1) {
    const char = pattern[at] ?? '';
    if (pattern.startsWith('**', at)) {
      at += 1;
      if (pattern[at + 1] === '/') {
        at += 1;
        source += '(?:.*/)?';
      } else source += '.*';
    } else if (char === '*') source += '[^/]*';
    else if (char === '?') source += '[^/]';
    else if (char === '[' && pattern.indexOf(']', at + 2) > 0) {
      const end = pattern.indexOf(']', at + 2);
      source += `[${pattern.slice(at + 1, end).replaceAll('\\', '\\\\')}]`;
      at = end;
    } else if (char === '\\' && at + 1 < pattern.length) {
      at += 1;
      source += escaped(pattern[at] ?? '');
    } else source += escaped(char);
  }
  return new RegExp(`^${source}$`, 'su');
}

function escaped(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/]/u, '\\$&');
}
