import { AppError } from '../../../manager/common/base/errors.js';

export type Token =
  | { readonly kind: 'field'; readonly path: readonly string[]; readonly glued: boolean }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'word'; readonly text: string }
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'sign'; readonly text: string };

/** A part of a template: literal text or an action. */
export type TemplatePiece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly source: string; readonly tokens: readonly Token[] };

/** Matches an action or a comment; quoted strings may contain braces. */
const actionPattern =
  /\{\{(-(?=\s))?((?:"(?:\\.|[^"\\])*"|`[^`]*`|\/\*[\s\S]*?\*\/|(?!\}\})[^"`])*?)((?<=\s)-)?\}\}/gu;

const tokenPattern =
  /(\s*)(?:(\$\w*)((?:\.[A-Za-z_]\w*)*)|(\.(?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)?)|("(?:\\.|[^"\\])*")|`([^`]*)`|(-?\d+(?:\.\d+)?)|([A-Za-z_]\w*)|(:=|[|(),=]))/uy;

const constants: Readonly<Record<string, boolean | null>> = { true: true, false: false, nil: null };

/**
 * Splits a template; `{{-` and `-}}` trim adjacent white space. Throws `invalid` for a syntax
 * error.
 */
export function splitTemplate(text: string): readonly TemplatePiece[] {
  const pieces: TemplatePiece[] = [];
  let rest = 0;
  let trimNext = false;
  const pushText = (raw: string, trimEnd: boolean): void => {
    const begin = trimNext ? raw.trimStart() : raw;
    const kept = trimEnd ? begin.trimEnd() : begin;
    if (kept.includes('{{')) throw new AppError('invalid', `template "${text}": unclosed action`);
    if (kept !== '') pieces.push({ kind: 'text', text: kept });
  };
  for (const match of text.matchAll(actionPattern)) {
    const [whole, trimBefore, body = '', trimAfter] = match;
    pushText(text.slice(rest, match.index), trimBefore !== undefined);
    rest = match.index + whole.length;
    trimNext = trimAfter !== undefined;
    const source = body.trim();
    if (/^\/\*[\s\S]*\*\/$/u.test(source)) continue;
    pieces.push({ kind: 'action', source, tokens: tokensOf(source) });
  }
  pushText(text.slice(rest), false);
  return pieces;
}

function pathOf(text: string): readonly string[] {
  return text.split('.').filter((part) => part !== '');
}

function tokensOf(source: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < source.trimEnd().length) {
    tokenPattern.lastIndex = at;
    const match = tokenPattern.exec(source);
    if (match === null) {
      throw new AppError(
        'invalid',
        `template action "{{${source}}}": syntax error at "${source.slice(at)}"`,
      );
    }
    tokens.push(tokenOf(match));
    at = tokenPattern.lastIndex;
  }
  return tokens;
}

function tokenOf(match: RegExpExecArray): Token {
  const [, blank, variable, of, field, quoted, raw, number, word, sign] = match;
  if (variable !== undefined) return { kind: 'variable', name: variable, path: pathOf(of ?? '') };
  if (field !== undefined) return { kind: 'field', path: pathOf(field), glued: blank === '' };
  if (quoted !== undefined) return { kind: 'literal', value: unquoted(quoted) };
  if (raw !== undefined) return { kind: 'literal', value: raw };
  if (number !== undefined) return { kind: 'literal', value: Number(number) };
  if (word !== undefined) {
    const value = constants[word];
    return value === undefined ? { kind: 'word', text: word } : { kind: 'literal', value };
  }
  return { kind: 'sign', text: sign ?? '' };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r' };

function unquoted(text: string): string {
  return text.slice(1, -1).replace(/\\(.)/gu, (_, char: string) => escapes[char] ?? char);
}
