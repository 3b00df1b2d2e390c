/** Semantic style of a piece of text, coloured by the theme. `s0`–`s5` distinguish services. */
export type Style =
  | 'plain'
  | 'dim'
  | 'bold'
  | 'good'
  | 'warn'
  | 'bad'
  | 'accent'
  | 'title'
  | 'selected'
  | 'marked'
  | 's0'
  | 's1'
  | 's2'
  | 's3'
  | 's4'
  | 's5';

export interface Span {
  readonly text: string;
  readonly style: Style;
}

export type Line = readonly Span[];

export function span(text: string, style: Style = 'plain'): Span {
  return { text, style };
}

const serviceStyles = ['s0', 's1', 's2', 's3', 's4', 's5'] as const;

/** The style of a service's name, the same in every view and run. */
export function serviceStyle(name: string): Style {
  let hash = 0;
  for (const char of name) hash = (hash * 31 + (char.codePointAt(0) ?? 0)) % 9973;
  return serviceStyles[hash % serviceStyles.length] ?? 's0';
}
