/** A key: the name of a special key, or `text` with a character. */
export interface Key {
  readonly name:
    | 'text'
    | 'up'
    | 'down'
    | 'left'
    | 'right'
    | 'pageUp'
    | 'pageDown'
    | 'home'
    | 'end'
    | 'enter'
    | 'escape'
    | 'backspace'
    | 'tab';
  /** The character; for ctrl-x it is `x` with `ctrl` set. */
  readonly text: string;
  readonly ctrl: boolean;
}

export function textKey(text: string, ctrl = false): Key {
  return { name: 'text', text, ctrl };
}

export function namedKey(name: Key['name']): Key {
  return { name, text: '', ctrl: false };
}

/** The key in key tables: `ctrl-d`, `up`, `x`. */
export function keyName({ name, text, ctrl }: Key): string {
  if (name !== 'text') return name;
  return ctrl ? `ctrl-${text}` : text;
}
