const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** `1.5 GiB`, rounded down: free memory is never overstated. */
export function bytesText(bytes: number): string {
  const positive = Math.max(0, bytes);
  const power = Math.min(units.length - 1, positive < 1 ? 0 : Math.floor(Math.log2(positive) / 10));
  const value = Math.floor((positive / 2 ** (10 * power)) * 100) / 100;
  return `${String(value)} ${units[power] ?? 'B'}`;
}
