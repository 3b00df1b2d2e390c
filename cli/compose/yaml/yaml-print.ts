import {
  DEFAULT_SCALAR_STYLE_RULES,
  dump,
  SCALAR_STYLE,
  strTag,
  type ScalarStyleRule,
} from 'js-yaml';
import { resolvePlain } from './scalar.js';

/** YAML text of plain data, keys in the order given, as `config` prints it. */
export function printYaml(value: unknown): string {
  return dump(value, {
    noRefs: true,
    lineWidth: -1,
    scalarStyleRules: [quoteAmbiguous, ...Object.values(DEFAULT_SCALAR_STYLE_RULES)],
  });
}

/** Text that some reader of YAML would take for a number, a boolean or nothing is quoted twice. */
const quoteAmbiguous: ScalarStyleRule = (layout) => {
  const { tag, value } = layout.node;
  if (tag !== strTag.tagName) return;
  const other =
    resolvePlain(value) !== value ||
    /^(y|n|yes|no|on|off)$/i.test(value) ||
    /^[-+]?\d+(:[0-5]?\d)+$/.test(value);
  if (other && layout.style === SCALAR_STYLE.PLAIN) layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
};
