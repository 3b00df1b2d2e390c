/*
 * The images that a build names. Only their registries' credentials leave this computer: the node
 * that builds sees all credentials that it gets.
 */

export interface BuildSources {
  /** Text of the Dockerfile, with the stages of named contexts; empty if it is not known. */
  readonly dockerfile: string;
  readonly args: Readonly<Record<string, string>>;
  readonly cacheFrom: readonly string[];
}

interface Instruction {
  readonly keyword: string;
  readonly words: readonly string[];
}

/**
 * Returns the images that the build may pull: those of `FROM`, `COPY --from`, `RUN --mount=from=`,
 * the `syntax` directive and the cache, without stages. Triggers of base images (`ONBUILD`) are not
 * known.
 */
export function namedImages({ dockerfile, args, cacheFrom }: BuildSources): readonly string[] {
  const images = new Set(cacheFrom);
  const { syntax, escape = '\\' } = directives(dockerfile);
  if (syntax !== undefined) images.add(syntax);
  const values = new Map<string, string>();
  const stages = new Set<string>();
  let count = 0;
  const addImage = (text: string): void => {
    const image = expand(text, values);
    const isStage = stages.has(image.toLowerCase()) || /^\d+$/u.test(image);
    if (!isStage && image !== '' && image !== 'scratch') images.add(image);
  };
  for (const { keyword, words } of instructions(dockerfile, escape)) {
    if (keyword === 'ARG' && count === 0) declare(words, args, values);
    if (keyword === 'FROM') {
      count += 1;
      const [image = '', as = '', name = ''] = words.filter((word) => !word.startsWith('--'));
      addImage(image);
      if (as.toUpperCase() === 'AS') stages.add(name.toLowerCase());
    } else for (const from of sourcesOf(words)) addImage(from);
  }
  return [...images];
}

/** Parser directives: comments `# name=value` before everything else. */
function directives(dockerfile: string): {
  readonly syntax?: string | undefined;
  readonly escape?: string | undefined;
} {
  const found = new Map<string, string>();
  for (const line of dockerfile.split('\n')) {
    const [, name, value] = /^\s*#\s*([a-z]+)\s*=\s*(\S+)/iu.exec(line) ?? [];
    if (name === undefined || value === undefined) break;
    found.set(name.toLowerCase(), value);
  }
  return { syntax: found.get('syntax'), escape: found.get('escape') };
}

/** Instructions with continued lines joined, without comments and here-documents. */
function instructions(dockerfile: string, escape: string): readonly Instruction[] {
  const lines = dockerfile.split(/\r?\n/u);
  const found: Instruction[] = [];
  for (let at = 0; at < lines.length; at += 1) {
    let text = '';
    for (; at < lines.length; at += 1) {
      const line = (lines[at] ?? '').trim();
      const isIgnored = line.startsWith('#') || (line === '' && text !== '');
      if (isIgnored) continue;
      const isContinued = line.endsWith(escape);
      text += isContinued ? `${line.slice(0, -1)} ` : line;
      if (!isContinued) break;
    }
    const [first = '', ...rest] = text.split(/\s+/u).filter((word) => word !== '');
    const isTrigger = first.toUpperCase() === 'ONBUILD';
    const [keyword = '', ...words] = isTrigger ? rest : [first, ...rest];
    found.push({ keyword: keyword.toUpperCase(), words: words.map(unquoted) });
    at = endOfDocument(lines, at, text);
  }
  return found;
}

/** The line that ends the here-document of an instruction; `at` if it has none. */
function endOfDocument(lines: readonly string[], at: number, text: string): number {
  const [, name] = /<<-?["']?([A-Za-z_]\w*)["']?/u.exec(text) ?? [];
  if (name === undefined) return at;
  const end = lines.findIndex((line, index) => index > at && line.trim() === name);
  return end < 0 ? at : end;
}

function unquoted(word: string): string {
  return word.replaceAll(/["']/gu, '');
}

/** Notes build arguments that `FROM` may use: the given value, else the default. */
function declare(
  words: readonly string[],
  args: Readonly<Record<string, string>>,
  values: Map<string, string>,
): void {
  for (const word of words) {
    const at = word.indexOf('=');
    const name = at < 0 ? word : word.slice(0, at);
    const fallback = at < 0 ? undefined : expand(word.slice(at + 1), values);
    const value = args[name] ?? fallback;
    if (value !== undefined) values.set(name, value);
  }
}

/** Sources of the flags `--from=SOURCE` and `--mount=…,from=SOURCE`. */
function sourcesOf(words: readonly string[]): readonly string[] {
  return words.flatMap((word) => {
    if (word.startsWith('--from=')) return [word.slice('--from='.length)];
    if (!word.startsWith('--mount=')) return [];
    const fields = word.slice('--mount='.length).split(',');
    return fields.flatMap((field) => (field.startsWith('from=') ? [field.slice(5)] : []));
  });
}

/** Replaces `$NAME`, `${NAME}`, `${NAME:-default}` and `${NAME:+other}`, from the innermost. */
function expand(text: string, values: ReadonlyMap<string, string>): string {
  let expanded = text;
  for (let depth = 0; depth < 8 && expanded.includes('$'); depth += 1) {
    expanded = expanded.replaceAll(
      /\$\{(\w+)([^{}]*)\}|\$(\w+)/gu,
      (_all, braced: string | undefined, modifier: string | undefined, plain: string | undefined) =>
        substitute(values.get(braced ?? plain ?? ''), modifier ?? ''),
    );
  }
  return expanded;
}

function substitute(value: string | undefined, modifier: string): string {
  const [, colon, sign, word = ''] = /^(:?)([-+])(.*)$/u.exec(modifier) ?? [];
  const isSet = value !== undefined && (colon !== ':' || value !== '');
  if (sign === '-') return isSet ? value : word;
  if (sign === '+') return isSet ? word : '';
  return value ?? '';
}
