import type { Key } from './view-model/update/key.js';
import { namedKey, textKey } from './view-model/update/key.js';
import type { MouseEvent } from './view-model/update/on-mouse.js';

/** The flags of Ink's `useInput` that the dashboard reads. */
export interface InkKeyFlags {
  readonly upArrow: boolean;
  readonly downArrow: boolean;
  readonly leftArrow: boolean;
  readonly rightArrow: boolean;
  readonly pageUp: boolean;
  readonly pageDown: boolean;
  readonly home?: boolean;
  readonly end?: boolean;
  readonly return: boolean;
  readonly escape: boolean;
  readonly ctrl: boolean;
  readonly tab: boolean;
  readonly backspace: boolean;
  readonly delete: boolean;
  readonly meta: boolean;
}

const named: readonly (readonly [keyof InkKeyFlags, Key['name']])[] = [
  ['upArrow', 'up'],
  ['downArrow', 'down'],
  ['leftArrow', 'left'],
  ['rightArrow', 'right'],
  ['pageUp', 'pageUp'],
  ['pageDown', 'pageDown'],
  ['home', 'home'],
  ['end', 'end'],
  ['return', 'enter'],
  ['tab', 'tab'],
  ['backspace', 'backspace'],
  ['delete', 'backspace'],
  ['escape', 'escape'],
];

/**
 * Longer input counts as a paste from a terminal without bracketed paste: nobody types that fast.
 */
const pasteChars = 64;
/** Delimiters of pasted text (xterm's bracketed paste, mode 2004), without the escape. */
const pasteBegin = '[200~';
const pasteEnd = '[201~';
/** The rest of a longer paste is dropped. */
const maxPasteChars = 4_096;

export type TerminalInput =
  | { readonly kind: 'keys'; readonly keys: readonly Key[] }
  | { readonly kind: 'mouse'; readonly events: readonly MouseEvent[] }
  | { readonly kind: 'paste'; readonly text: string };

/**
 * xterm's SGR mouse reports (mode 1006) without the escape, which Ink strips:
 * `[<BUTTON;COLUMN;ROWM`.
 */
const mousePattern = /\[<(\d+);(\d+);(\d+)([Mm])/gu;

/** Undefined if the text is not a mouse report. */
function readMouse(text: string): readonly MouseEvent[] | undefined {
  if (!/^\[<\d/u.test(text)) return undefined;
  return [...text.matchAll(mousePattern)].flatMap(([, button, column, row, end]) => {
    const what = ({ 0: 'click', 64: 'wheelUp', 65: 'wheelDown' } as const)[Number(button)];
    // Releases, other buttons and moves are ignored.
    if (what === undefined || end === 'm') return [];
    return [{ what, column: Number(column) - 1, row: Number(row) - 1 }];
  });
}

/** Separates keys from pastes, which may arrive in several chunks. */
export class InputReader {
  #pasted: string | undefined;

  read(text: string, flags: InkKeyFlags): TerminalInput {
    if (text === pasteBegin) {
      this.#pasted = '';
      return { kind: 'keys', keys: [] };
    }
    if (this.#pasted === undefined) return parseInput(text, flags);
    if (text === pasteEnd) {
      const pasted = this.#pasted;
      this.#pasted = undefined;
      return { kind: 'paste', text: pasted };
    }
    this.#pasted = (this.#pasted + (text === '' ? ' ' : text)).slice(0, maxPasteChars);
    return { kind: 'keys', keys: [] };
  }
}

/**
 * Converts one chunk from Ink to keys or mouse events; fast typing puts several keys in a chunk.
 */
export function parseInput(text: string, flags: InkKeyFlags): TerminalInput {
  const mouse = readMouse(text);
  if (mouse !== undefined) return { kind: 'mouse', events: mouse };
  const special = named.find(([flag]) => flags[flag] === true);
  if (special !== undefined) return { kind: 'keys', keys: [namedKey(special[1])] };
  if (flags.ctrl) return { kind: 'keys', keys: [textKey(text, true)] };
  const chars = Array.from(text);
  if (chars.length > pasteChars) return { kind: 'paste', text };
  return { kind: 'keys', keys: chars.flatMap((char) => charKey(char) ?? []) };
}

function charKey(char: string): Key | undefined {
  if (char === '\r' || char === '\n') return namedKey('enter');
  if (char === '\t') return namedKey('tab');
  if (char === '\u007f' || char === '\b') return namedKey('backspace');
  if (char === '\u001c') return textKey('\\', true);
  const code = char.codePointAt(0) ?? 0;
  if (code >= 1 && code <= 26) return textKey(String.fromCharCode(code + 96), true);
  return code < 32 ? undefined : textKey(char);
}
