import { TemplateError } from './template-error.js';
import { Float, type Tree } from '../yaml/tree.js';

/** Target types of text after interpolation: `scale: ${N}` becomes a number. */
export type Cast = 'int' | 'float' | 'bool';

const booleanWords: Readonly<Record<string, boolean>> = {
  true: true,
  false: false,
  y: true,
  yes: true,
  on: true,
  n: false,
  no: false,
  off: false,
};

/** Parses a boolean of YAML 1.1, case-insensitively; undefined for other text. */
export function parseBoolean(text: string): boolean | undefined {
  const word = text.toLowerCase();
  return Object.hasOwn(booleanWords, word) ? booleanWords[word] : undefined;
}

export function castText(text: string, cast: Cast, warn: (message: string) => void): Tree {
  if (cast === 'bool') return toBoolean(text, warn);
  if (cast === 'int') return toInteger(text);
  return toFloat(text);
}

function toBoolean(text: string, warn: (message: string) => void): boolean {
  const word = text.toLowerCase();
  const value = parseBoolean(word);
  if (value === undefined)
    throw new TemplateError(`invalid boolean "${text}"; write true or false`);
  if (word !== String(value))
    warn(`"${text}" for a boolean is not YAML 1.2; write ${String(value)}`);
  return value;
}

function toInteger(text: string): number | bigint {
  if (!/^[-+]?[0-9]+$/.test(text)) throw new TemplateError(`"${text}" is not an integer`);
  const value = text.length > 40 ? 2n ** 64n : BigInt(text.replace('+', ''));
  if (value >= 2n ** 63n || value < -(2n ** 63n))
    throw new TemplateError(`"${text}" is out of range; use a 64-bit integer`);
  return Number.isSafeInteger(Number(value)) ? Number(value) : value;
}

function toFloat(text: string): number | Float {
  if (!/^[-+]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]+)?$/.test(text)) {
    throw new TemplateError(`"${text}" is not a number`);
  }
  const value = Number(text);
  return Number.isInteger(value) ? new Float(value) : value;
}
