/**
 * A text in which each line inside a flow collection or a quoted scalar is indented as the YAML
 * specification demands, with the way back to offsets of the original.
 */
export interface IndentedText {
  readonly text: string;
  readonly originalOffset: (offset: number) => number;
}

/** Limit of the added spaces, against deeply indented hostile files. */
const maxAdded = 8 * 1024 * 1024;

/**
 * Indents lines inside flow collections and quoted scalars that begin left of their block. libyaml
 * ignores indentation there, as in a list whose closing bracket stands below its key, and accepts
 * tabs between tokens, which become spaces. Returns undefined if there is nothing to change. Block scalars and comments stay as they are.
 */
export function indentFlowLines(text: string): IndentedText | undefined {
  const { edits, tabs } = new FlowScanner(text).scan();
  const added = edits.reduce((sum, edit) => sum + edit.spaces, 0);
  if ((added === 0 && tabs.length === 0) || added > maxAdded) return undefined;
  const untabbed = withSpaces(text, tabs);
  const parts: string[] = [];
  let from = 0;
  for (const { at, spaces } of edits) {
    parts.push(untabbed.slice(from, at), ' '.repeat(spaces));
    from = at;
  }
  parts.push(untabbed.slice(from));
  return { text: parts.join(''), originalOffset: offsetsBefore(edits) };
}

/** Replaces the characters at the offsets by spaces. */
function withSpaces(text: string, offsets: readonly number[]): string {
  const parts: string[] = [];
  let from = 0;
  for (const at of offsets) {
    parts.push(text.slice(from, at), ' ');
    from = at + 1;
  }
  return parts.join('') + text.slice(from);
}

interface Edit {
  /** Offset of the line in the original text. */
  readonly at: number;
  readonly spaces: number;
}

function offsetsBefore(edits: readonly Edit[]): (offset: number) => number {
  let added = 0;
  const steps = edits.map(({ at, spaces }) => {
    const start = at + added;
    added += spaces;
    return { at, start, end: start + spaces, added };
  });
  return (offset) => {
    let low = 0;
    let high = steps.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((steps[middle]?.start ?? 0) <= offset) low = middle + 1;
      else high = middle;
    }
    const step = steps[low - 1];
    if (step === undefined) return offset;
    return offset < step.end ? step.at : offset - step.added;
  };
}

const flowOpen = /[[{]/;
const flowIndicator = /[[\]{},]/;
const blank = /[ \t\r\n]/;
const documentMarker = /(?:---|\.\.\.)(?=[ \t\r\n]|$)/y;

/** Finds block structure only as far as flow collections and quoted scalars begin in it. */
class FlowScanner {
  readonly #text: string;
  readonly #edits: Edit[] = [];
  /** Offsets of tabs between the tokens of flow collections. */
  readonly #tabs: number[] = [];
  /** Columns of the open block mappings and sequences. */
  readonly #columns: number[] = [];
  #at = 0;
  #lineStart = 0;

  constructor(text: string) {
    this.#text = text;
  }

  scan(): { readonly edits: readonly Edit[]; readonly tabs: readonly number[] } {
    while (this.#at < this.#text.length) this.#line();
    return { edits: this.#edits, tabs: this.#tabs };
  }

  #is(pattern: RegExp, at = this.#at): boolean {
    const char = this.#text[at];
    return char !== undefined && pattern.test(char);
  }

  #ends(at: number): boolean {
    return at >= this.#text.length || this.#is(blank, at);
  }

  /** Column of the innermost open block; -1 at the top level. */
  #block(): number {
    return this.#columns.at(-1) ?? -1;
  }

  #open(column: number): void {
    while (this.#block() >= column) this.#columns.pop();
    this.#columns.push(column);
  }

  #skipSpaces(): void {
    while (this.#is(/[ \t]/)) this.#at += 1;
  }

  #nextLine(): void {
    const end = this.#text.indexOf('\n', this.#at);
    this.#at = end < 0 ? this.#text.length : end + 1;
    this.#lineStart = this.#at;
  }

  /** Reads a line of block structure, with the lines that its last value goes on in. */
  #line(): void {
    this.#skipSpaces();
    const indent = this.#at - this.#lineStart;
    if (!this.#is(/[\r\n#]/)) while (this.#block() >= indent) this.#columns.pop();
    while (this.#at < this.#text.length && !this.#is(/[\r\n#]/)) this.#token();
    this.#nextLine();
  }

  #token(): void {
    const start = this.#at;
    const column = start - this.#lineStart;
    if (this.#is(/[-?:]/) && this.#ends(start + 1)) {
      if (!this.#is(/:/)) this.#open(column);
      this.#at += 1;
    } else if (this.#is(/[!&]/)) this.#word();
    else if (this.#is(/[|>]/)) this.#skipDeeperLines();
    else if (this.#is(/["']/)) this.#quoted();
    else if (this.#is(flowOpen)) this.#flow();
    else this.#plain();
    this.#skipSpaces();
    const isKey = this.#is(/:/) && this.#ends(this.#at + 1) && start >= this.#lineStart;
    if (isKey && this.#at > start) this.#open(column);
  }

  #word(): void {
    while (!this.#ends(this.#at)) this.#at += 1;
  }

  /** Reads a plain scalar; a value that ends with the line goes on in deeper lines. */
  #plain(): void {
    while (this.#at < this.#text.length && !this.#is(/[\r\n]/)) {
      if (this.#is(/:/) && this.#ends(this.#at + 1)) return;
      if (this.#is(/#/) && this.#is(/[ \t]/, this.#at - 1)) return;
      this.#at += 1;
    }
    this.#skipDeeperLines();
  }

  /** Advances to the end of the last line that is blank or deeper than the open block. */
  #skipDeeperLines(): void {
    for (;;) {
      const end = this.#text.indexOf('\n', this.#at);
      this.#at = end < 0 ? this.#text.length : end;
      if (end < 0) return;
      let first = end + 1;
      while (this.#text[first] === ' ') first += 1;
      const isBlank = first >= this.#text.length || this.#is(/[\r\n]/, first);
      if (!isBlank && first - end - 1 <= this.#block()) return;
      if (first >= this.#text.length) return;
      this.#lineStart = end + 1;
      this.#at = first;
    }
  }

  #quoted(): void {
    const quote = this.#text[this.#at];
    this.#at += 1;
    while (this.#at < this.#text.length) {
      const char = this.#text[this.#at];
      const isPair = char === quote && quote === "'" && this.#text[this.#at + 1] === "'";
      if (char === '\n') this.#innerLine();
      else if (isPair || (char === '\\' && quote === '"' && this.#text[this.#at + 1] !== '\n'))
        this.#at += 2;
      else this.#at += 1;
      if (char === quote && !isPair) return;
    }
  }

  #flow(): void {
    let depth = 0;
    let inPlain = false;
    while (this.#at < this.#text.length) {
      if (this.#is(/\n/)) this.#innerLine();
      else if (this.#is(/["']/) && !inPlain) this.#quoted();
      else if (this.#is(/[!&]/) && !inPlain) this.#flowWord();
      else if (this.#is(/#/) && this.#is(blank, this.#at - 1)) this.#comment();
      else {
        if (this.#is(flowOpen)) depth += 1;
        else if (this.#is(/[\]}]/)) depth -= 1;
        inPlain = this.#goesOnPlain(inPlain);
        if (!inPlain && this.#is(/\t/)) this.#tabs.push(this.#at);
        this.#at += 1;
        if (depth === 0) return;
      }
    }
  }

  /** True if the character belongs to a plain scalar of a flow collection, or follows in it. */
  #goesOnPlain(inPlain: boolean): boolean {
    if (this.#is(flowIndicator)) return false;
    const after = this.#at + 1;
    if (this.#is(/[:?]/) && (this.#ends(after) || this.#is(flowIndicator, after))) return false;
    return inPlain || !this.#is(blank);
  }

  #flowWord(): void {
    while (!this.#ends(this.#at) && !this.#is(flowIndicator)) this.#at += 1;
  }

  #comment(): void {
    while (this.#at < this.#text.length && !this.#is(/\n/)) this.#at += 1;
  }

  /** Enters the next line inside a flow collection or quoted scalar. */
  #innerLine(): void {
    this.#at += 1;
    this.#lineStart = this.#at;
    documentMarker.lastIndex = this.#at;
    if (documentMarker.test(this.#text)) return;
    let first = this.#at;
    while (this.#text[first] === ' ') first += 1;
    const missing = this.#block() + 1 - (first - this.#at);
    if (missing > 0 && !this.#is(/[\r\n]/, first))
      this.#edits.push({ at: this.#at, spaces: missing });
  }
}
