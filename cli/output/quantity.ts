const decimal = ['B', 'kB', 'MB', 'GB', 'TB', 'PB'];
const binary = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

function scaled(value: number, base: number, units: readonly string[], digits: number): string {
  let size = Math.max(0, value);
  let at = 0;
  while (size >= base && at < units.length - 1) {
    size /= base;
    at += 1;
  }
  return `${Number(size.toPrecision(digits))}${units[at] ?? ''}`;
}

/**
 * Formats traffic as Docker does, `1.5kB`: three digits, powers of 1000 (docker/go-units
 * `HumanSize`).
 */
export function decimalBytes(bytes: number): string {
  return scaled(bytes, 1000, decimal, 3);
}

/**
 * Formats memory as Docker does, `1.5MiB`: four digits, powers of 1024 (docker/go-units
 * `BytesSize`).
 */
export function binaryBytes(bytes: number): string {
  return scaled(bytes, 1024, binary, 4);
}

/** Formats bytes in at most four columns, powers of 1024: `512K`, `1.5G`. */
export function shortBytes(bytes: number): string {
  const units = ['B', 'K', 'M', 'G', 'T', 'P'];
  let size = Math.max(0, bytes);
  let at = 0;
  while (size >= 999.5 && at < units.length - 1) {
    size /= 1024;
    at += 1;
  }
  const text = size >= 9.95 || at === 0 ? size.toFixed(0) : size.toFixed(1);
  return `${text}${units[at] ?? ''}`;
}
