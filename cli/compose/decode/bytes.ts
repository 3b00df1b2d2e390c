const powers: Readonly<Record<string, number>> = { k: 1, m: 2, g: 3, t: 4, p: 5 };

/**
 * Parses sizes such as `64m`, `1.5 GiB`, `1_000` or `512`; every suffix is a power of 1024. Undefined if the
 * text is not a size or exceeds 63 bits. Source of the grammar: docker/go-units, RAMInBytes.
 */
export function parseBytes(text: string): bigint | undefined {
  const match = /^\+?([0-9_.]+(?:[eE][-+]?[0-9]+)?) ?([a-zA-Z]*)$/.exec(text);
  const number = match?.[1] ?? '';
  if (!/[0-9]/.test(number) || !separatesDigits(number)) return undefined;
  const suffix = (match?.[2] ?? '').toLowerCase();
  if (suffix !== '' && suffix !== 'b' && !/^[kmgtp](b|ib)?$/.test(suffix)) return undefined;
  const bytes = Number(number.replaceAll('_', '')) * 1024 ** (powers[suffix.charAt(0)] ?? 0);
  // False for NaN too, such as of `1.2.3`.
  return bytes < 2 ** 63 ? BigInt(Math.trunc(bytes)) : undefined;
}

/** True if each `_` of a number stands between two digits, as in `1_000`. */
function separatesDigits(number: string): boolean {
  return !/(?<![0-9])_|_(?![0-9])/.test(number);
}
