interface Rule {
  readonly matches: RegExp;
  /** True for a `!` rule. */
  readonly negated: boolean;
}

/** Compiled `.dockerignore`; tests paths relative to the context, with `/` as separator. */
export interface IgnoreRules {
  ignores(path: string): boolean;
  /** True if no `!` rule exists: an ignored directory need not be read. */
  readonly canPrune: boolean;
}

/**
 * Parses `.dockerignore` by the documented rules: a pattern per line, `#` comments, `!` negates,
 * `**` matches any number of directories; the last rule that matches a path or one of its parents
 * decides.
 */
export function parseIgnore(text: string): IgnoreRules {
  const rules = text
    .replace(/^\uFEFF/u, '')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .flatMap((line) => toRule(line.trim()));
  return {
    ignores: (path) => {
      let ignored = false;
      for (const { matches, negated } of rules) {
        if (ignored === negated && selfAndParents(path).some((part) => matches.test(part))) {
          ignored = !negated;
        }
      }
      return ignored;
    },
    canPrune: !rules.some(({ negated }) => negated),
  };
}

function selfAndParents(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.map((_part, at) => parts.slice(0, at + 1).join('/'));
}

function toRule(line: string): readonly Rule[] {
  const negated = line.startsWith('!');
  const pattern = cleaned(negated ? line.slice(1).trim() : line);
  return pattern === '' || pattern === '.' ? [] : [{ matches: toRegExp(pattern), negated }];
}

/**
 * Normalizes a pattern: resolves `.` and `..`, drops empty parts, makes it relative to the context.
 */
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
