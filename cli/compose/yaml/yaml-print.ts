import {
  DEFAULT_SCALAR_STYLE_RULES,
  dump,
  SCALAR_STYLE,
  visit,
  strTag,
  type Document,
  type ScalarStyleRule,
} from 'js-yaml';
import { areMapKeys, byGoKey } from './go-order.js';
import { resolvePlain } from './scalar.js';

export interface PrintOptions {
  /** Columns of a nesting level; 2 if absent. */
  readonly indent?: number;
}

/**
 * Prints plain data as YAML for `config`, as docker compose does: fields of a structure in their
 * order, keys of a mapping in the order of Go's YAML encoder, where `a2` comes before `a10`.
 */
export function printYaml(value: unknown, options: PrintOptions = {}): string {
  return dump(value, {
    ...options,
    transform: sortMappings,
    noRefs: true,
    lineWidth: -1,
    scalarStyleRules: [quoteAmbiguous, ...Object.values(DEFAULT_SCALAR_STYLE_RULES), quoteSpaces],
  });
}

function sortMappings(documents: Document[]): void {
  visit(documents, (node) => {
    if (node.kind !== 'mapping') return;
    const items = node.items.map((item) => ({
      item,
      name: item.key.kind === 'scalar' ? item.key.value : '',
    }));
    if (!areMapKeys(items.map(({ name }) => name))) return;
    node.items = items.sort((a, b) => byGoKey(a.name, b.name)).map(({ item }) => item);
  });
}

/** Double-quotes strings that a YAML 1.1 or 1.2 parser would read as a number, boolean or null. */
const quoteAmbiguous: ScalarStyleRule = (layout) => {
  const { tag, value } = layout.node;
  if (tag !== strTag.tagName) return;
  const ambiguous =
    resolvePlain(value) !== value ||
    /^(y|n|yes|no|on|off)$/i.test(value) ||
    /^[-+]?\d+(:[0-5]?\d)+$/.test(value);
  if (ambiguous && layout.style === SCALAR_STYLE.PLAIN) layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
};

/** Single-quotes strings of spaces only, as Go's encoder does. */
const quoteSpaces: ScalarStyleRule = (layout) => {
  if (/^ +$/.test(layout.node.value) && layout.style === SCALAR_STYLE.DOUBLE_QUOTED)
    layout.style = SCALAR_STYLE.SINGLE_QUOTED;
};
