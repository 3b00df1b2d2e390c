import { AppError } from '../../../manager/common/base/errors.js';
import type { TemplatePiece, Token } from './tokens.js';
import { splitTemplate } from './tokens.js';

export type Operand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'field'; readonly path: readonly string[] }
  | { readonly kind: 'variable'; readonly name: string; readonly path: readonly string[] }
  | { readonly kind: 'function'; readonly name: string }
  | { readonly kind: 'group'; readonly pipeline: Pipeline; readonly path: readonly string[] };

/** A function with its arguments, or a single value. */
export type TemplateCommand = readonly [Operand, ...Operand[]];

export interface Pipeline {
  /** Variables assigned the result; for `range` the key and the value. */
  readonly variables: readonly string[];
  /** The result of each command is the last argument of the next. */
  readonly commands: readonly TemplateCommand[];
}

type BlockKind = 'if' | 'range' | 'with';

export interface TemplateBlock {
  readonly kind: BlockKind;
  readonly pipeline: Pipeline;
  readonly body: readonly TemplateNode[];
  readonly elseBody: readonly TemplateNode[];
}

export type TemplateNode =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'print'; readonly pipeline: Pipeline }
  | TemplateBlock;

/**
 * Parses the subset of Go's text/template for `--format`; throws `invalid` with the failing action.
 */
export function parseTemplate(text: string): readonly TemplateNode[] {
  const reader = new Reader(splitTemplate(text));
  const nodes = reader.nodes();
  reader.expectEnd();
  return nodes;
}

const blocks = new Set<string>(['if', 'range', 'with']);
const closers = new Set(['end', 'else']);

class Reader {
  readonly #pieces: readonly TemplatePiece[];
  #at = 0;

  constructor(pieces: readonly TemplatePiece[]) {
    this.#pieces = pieces;
  }

  /** Reads nodes up to the end of the template or to an `end` or `else`, which is not consumed. */
  nodes(): readonly TemplateNode[] {
    const nodes: TemplateNode[] = [];
    for (;;) {
      const piece = this.#pieces[this.#at];
      if (piece === undefined || closers.has(firstWord(piece))) return nodes;
      this.#at += 1;
      nodes.push(this.#node(piece));
    }
  }

  expectEnd(): void {
    const piece = this.#pieces[this.#at];
    if (piece?.kind !== 'action') return;
    throw new AppError(
      'invalid',
      `template: "{{${piece.source}}}" has no matching block; use {{if}}, {{range}} or {{with}}`,
    );
  }

  #node(piece: TemplatePiece): TemplateNode {
    if (piece.kind === 'text') return piece;
    const word = firstWord(piece);
    if (!blocks.has(word)) return { kind: 'print', pipeline: parsePipeline(piece, piece.tokens) };
    return this.#block(word as BlockKind, piece, piece.tokens.slice(1));
  }

  #block(
    kind: BlockKind,
    piece: Extract<TemplatePiece, { kind: 'action' }>,
    tokens: readonly Token[],
  ): TemplateBlock {
    const pipeline = parsePipeline(piece, tokens);
    const body = this.nodes();
    const closing = this.#pieces[this.#at];
    this.#at += 1;
    if (closing?.kind !== 'action') {
      throw new AppError('invalid', `template: "{{${piece.source}}}" is not closed; add {{end}}`);
    }
    if (firstWord(closing) === 'end') return { kind, pipeline, body, elseBody: [] };
    const [, next] = closing.tokens;
    if (next?.kind === 'word' && blocks.has(next.text)) {
      // `else if` shares the end of the block that it belongs to.
      const inner = this.#block(next.text as BlockKind, closing, closing.tokens.slice(2));
      return { kind, pipeline, body, elseBody: [inner] };
    }
    const otherwise = this.nodes();
    const end = this.#pieces[this.#at];
    this.#at += 1;
    if (end === undefined || firstWord(end) !== 'end') {
      throw new AppError('invalid', `template: "{{${piece.source}}}" is not closed; add {{end}}`);
    }
    return { kind, pipeline, body, elseBody: otherwise };
  }
}

function firstWord(piece: TemplatePiece): string {
  if (piece.kind === 'text') return '';
  const [first] = piece.tokens;
  return first?.kind === 'word' ? first.text : '';
}

function parsePipeline(
  { source }: { readonly source: string },
  tokens: readonly Token[],
): Pipeline {
  const reader = new PipelineReader(source, tokens);
  return reader.whole();
}

class PipelineReader {
  readonly #source: string;
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(source: string, tokens: readonly Token[]) {
    this.#source = source;
    this.#tokens = tokens;
  }

  whole(): Pipeline {
    const variables = this.#variables();
    const commands = this.#commands();
    if (this.#at < this.#tokens.length) throw this.#syntaxError();
    return { variables, commands };
  }

  /** Reads `$x :=`, `$i, $v :=` or `$x =`; empty if the action has no assignment. */
  #variables(): readonly string[] {
    const sign = this.#tokens.findIndex(
      (token) => token.kind === 'sign' && (token.text === ':=' || token.text === '='),
    );
    if (sign < 0) return [];
    const names = this.#tokens
      .slice(0, sign)
      .flatMap((token) => (token.kind === 'variable' ? [token.name] : []));
    if (names.length === 0 || names.length > 2) throw this.#syntaxError();
    this.#at = sign + 1;
    return names;
  }

  #commands(): readonly TemplateCommand[] {
    const commands = [this.#command()];
    while (this.#isSign('|')) {
      this.#at += 1;
      commands.push(this.#command());
    }
    return commands;
  }

  #command(): TemplateCommand {
    const first = this.#operand();
    if (first === undefined) throw this.#syntaxError();
    const rest: Operand[] = [];
    for (let next = this.#operand(); next !== undefined; next = this.#operand()) rest.push(next);
    if (rest.length > 0 && first.kind !== 'function') throw this.#syntaxError();
    return [first, ...rest];
  }

  #operand(): Operand | undefined {
    const token = this.#tokens[this.#at];
    if (token === undefined) return undefined;
    if (token.kind === 'sign') return token.text === '(' ? this.#group() : undefined;
    this.#at += 1;
    return token.kind === 'word' ? { kind: 'function', name: token.text } : token;
  }

  #group(): Operand {
    this.#at += 1;
    const commands = this.#commands();
    if (!this.#isSign(')')) throw this.#syntaxError();
    this.#at += 1;
    const next = this.#tokens[this.#at];
    const path = next?.kind === 'field' && next.glued ? next.path : [];
    if (path.length > 0) this.#at += 1;
    return { kind: 'group', pipeline: { variables: [], commands }, path };
  }

  #isSign(text: string): boolean {
    const token = this.#tokens[this.#at];
    return token?.kind === 'sign' && token.text === text;
  }

  #syntaxError(): AppError {
    return new AppError(
      'invalid',
      `template action "{{${this.#source}}}" has a syntax error; use {{.Field}}, {{json .}} or {{range .List}}…{{end}}`,
    );
  }
}
