import { ComposeError } from '../error.js';
import { substitute, type Lookup } from './interpolate.js';
import { TemplateError } from './template-error.js';
import { resolvePosition, type Source } from '../yaml/tree.js';

/**
 * Parses an `.env` file into `result`: `KEY=VALUE` or `KEY: VALUE`, with quotes, escapes,
 * multi-line values, comments and references. A bare `KEY` takes its value from `lookup` and is
 * omitted without one. References resolve by `lookup`, then by earlier entries of `result`. Throws
 * ComposeError.
 */
export function parseDotenv(source: Source, result: Map<string, string>, lookup: Lookup): void {
  new Parser(source, result, lookup).run();
}

/** Parses `format: raw`: literal `KEY=VALUE` lines, as in `docker run --env-file`. */
export function parseRawEnv(source: Source, result: Map<string, string>, lookup: Lookup): void {
  let offset = 0;
  for (const raw of source.text.split('\n')) {
    const line = raw.replace(/\r$/, '').trimStart();
    const place = resolvePosition({ source, offset });
    offset += raw.length + 1;
    if (line === '' || line.startsWith('#')) continue;
    const equals = line.indexOf('=');
    const key = equals < 0 ? line : line.slice(0, equals);
    if (/\s/.test(key))
      throw new ComposeError(`variable "${key}" contains white space; remove it`, { place });
    if (key === '')
      throw new ComposeError(`no variable name on line "${line}"; write KEY=VALUE`, { place });
    const value = equals < 0 ? lookup(key) : line.slice(equals + 1);
    if (value !== undefined) result.set(key, value);
  }
}

const space = /[\t\v\f\r \u0085\u00a0]/;

class Parser {
  readonly #source: Source;
  readonly #text: string;
  readonly #result: Map<string, string>;
  readonly #lookup: Lookup;
  #at = 0;

  constructor(source: Source, result: Map<string, string>, lookup: Lookup) {
    this.#source = source;
    this.#text = source.text;
    this.#result = result;
    this.#lookup = (name) => lookup(name) ?? result.get(name);
  }

  run(): void {
    while (this.#toStatement()) {
      const { key, alone } = this.#key();
      if (alone) {
        const value = this.#lookup(key);
        if (value !== undefined) this.#result.set(key, value);
        continue;
      }
      this.#result.set(key, this.#value());
    }
  }

  /** Skips white space and comment lines; returns false at the end of the file. */
  #toStatement(): boolean {
    for (;;) {
      while (this.#at < this.#text.length && /\s/.test(this.#text[this.#at] ?? '')) this.#at += 1;
      if (this.#at >= this.#text.length) return false;
      if (this.#text[this.#at] !== '#') return true;
      const end = this.#text.indexOf('\n', this.#at);
      if (end < 0) return false;
      this.#at = end;
    }
  }

  #key(): { key: string; alone: boolean } {
    const exported = /^export\s+/.exec(this.#text.slice(this.#at, this.#at + 32));
    if (exported !== null) this.#at += exported[0].length;
    const start = this.#at;
    while (this.#at < this.#text.length) {
      const character = String.fromCodePoint(this.#text.codePointAt(this.#at) ?? 0);
      if (character === '=' || character === ':' || character === '\n') break;
      if (!space.test(character) && !/[_.\-[\]\p{L}\p{N}]/u.test(character)) {
        throw this.#error(
          `unexpected character "${character}" in a variable name; use letters, digits, _, . and -`,
          this.#at,
        );
      }
      this.#at += character.length;
    }
    const alone = this.#at >= this.#text.length || this.#text[this.#at] === '\n';
    const key = this.#text.slice(start, this.#at).trimEnd();
    if (key.includes(' '))
      throw this.#error(`variable name "${key}" contains a space; remove it`, start);
    this.#at += 1;
    while (!alone && space.test(this.#text[this.#at] ?? '')) this.#at += 1;
    return { key, alone };
  }

  #value(): string {
    const quote = this.#text[this.#at];
    if (quote === '"' || quote === "'") return this.#quoted(quote);
    const start = this.#at;
    const end = this.#text.indexOf('\n', start);
    const line = this.#text.slice(start, end < 0 ? this.#text.length : end);
    this.#at = end < 0 ? this.#text.length : end;
    const comment = line.indexOf(' #');
    const value = (comment < 0 ? line : line.slice(0, comment)).trimEnd();
    return this.#expand(value, start);
  }

  #quoted(quote: string): string {
    const start = this.#at;
    let value = '';
    for (let at = start + 1; at < this.#text.length; at += 1) {
      const character = this.#text[at] ?? '';
      if (character === quote) {
        this.#at = at + 1;
        return quote === '"' ? this.#expand(unescape(value), start) : value;
      }
      if (character === '\\' && at + 1 < this.#text.length) {
        at += 1;
        const next = this.#text[at] ?? '';
        value += next === quote ? next : `\\${next}`;
        continue;
      }
      value += character;
    }
    throw this.#error(`unterminated quote ${quote}; add the closing quote`, start);
  }

  #expand(text: string, offset: number): string {
    try {
      return substitute(text, this.#lookup);
    } catch (error) {
      if (error instanceof TemplateError) throw this.#error(error.message, offset);
      throw error;
    }
  }

  #error(message: string, offset: number): ComposeError {
    return new ComposeError(message, { place: resolvePosition({ source: this.#source, offset }) });
  }
}

const escapes: Readonly<Record<string, string>> = {
  a: '\u0007',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
  '"': '"',
  '\\': '\\',
  // The text is a template, in which `$$` is a literal dollar sign.
  $: '$$',
};

function unescape(text: string): string {
  return text.replace(
    /\\(?:([abcfnrtv$"\\])|0(\d{3}))/g,
    (match, letter?: string, octal?: string) => {
      if (octal !== undefined)
        return /[89]/.test(octal) ? match : String.fromCharCode(parseInt(octal, 8));
      return escapes[letter ?? ''] ?? match;
    },
  );
}
