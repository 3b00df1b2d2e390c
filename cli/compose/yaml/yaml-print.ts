import {
  DEFAULT_SCALAR_STYLE_RULES,
  dump,
  SCALAR_STYLE,
  strTag,
  type ScalarStyleRule,
} from 'js-yaml';
import { resolvePlain } from './scalar.js';

/** Prints plain data as YAML for `config`; keeps the order of keys. */
export function printYaml(value: unknown): string {
  return dump(value, {
    noRefs: true,
    lineWidth: -1,
    scalarStyleRules: [quoteAmbiguous, ...Object.values(DEFAULT_SCALAR_STYLE_RULES)],
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
