import { AppError } from '../../manager/base/errors.js';

/*
 * The part of Go's text/template that people use with `--format`: literal text, `{{.Field}}`,
 * `{{.A.B}}`, `{{json .}}`, `{{json .A}}`, and the functions below on one field.
 */

const functions: Readonly<Record<string, (value: unknown) => string>> = {
  json: (value) => (value === undefined ? 'null' : JSON.stringify(value)),
  upper: (value) => show(value).toUpperCase(),
  lower: (value) => show(value).toLowerCase(),
  title: (value) => show(value).replace(/^./u, (first) => first.toUpperCase()),
  len: (value) =>
    String(Array.isArray(value) || typeof value === 'string' ? value.length : countOf(value)),
  println: (value) => `${show(value)}\n`,
};

function countOf(value: unknown): number {
  return typeof value === 'object' && value !== null ? Object.keys(value).length : 0;
}

type Piece = string | { readonly path: readonly string[]; readonly apply: string | undefined };

/** A template made ready; throws `invalid` for one that uses more than is understood. */
export function compileTemplate(text: string): (value: unknown) => string {
  const pieces = parse(unescape(text));
  return (value) => pieces.map((piece) => render(piece, value)).join('');
}

/** The shell hands `\t` and `\n` over as two characters; Docker turns them into one. */
function unescape(text: string): string {
  return text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
}

function parse(text: string): readonly Piece[] {
  const pieces: Piece[] = [];
  let rest = 0;
  for (const match of text.matchAll(/\{\{-?\s*(.*?)\s*-?\}\}/gsu)) {
    pieces.push(text.slice(rest, match.index), action(match[1] ?? ''));
    rest = match.index + match[0].length;
  }
  const tail = text.slice(rest);
  if (tail.includes('{{')) throw new AppError('invalid', `template "${text}": unclosed action`);
  return [...pieces, tail];
}

function action(text: string): Piece {
  const found = /^(?:([a-z]+)\s+)?\.((?:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)?)$/u.exec(text);
  const apply = found?.[1];
  if (found === null || (apply !== undefined && functions[apply] === undefined)) {
    throw new AppError(
      'invalid',
      `template action "{{${text}}}" is not understood; use {{.Field}} or {{json .}}`,
    );
  }
  return { path: (found[2] ?? '').split('.').filter((part) => part !== ''), apply };
}

function render(piece: Piece, value: unknown): string {
  if (typeof piece === 'string') return piece;
  const target = piece.path.reduce(field, value);
  const apply = piece.apply === undefined ? undefined : functions[piece.apply];
  return apply === undefined ? show(target) : apply(target);
}

function field(value: unknown, key: string): unknown {
  if (typeof value === 'object' && value !== null && Object.hasOwn(value, key)) {
    return (value as Readonly<Record<string, unknown>>)[key];
  }
  throw new AppError('invalid', `template: there is no field "${key}"`);
}

function show(value: unknown): string {
  if (value === undefined || value === null) return '';
  return typeof value === 'string' ? value : JSON.stringify(value);
}
