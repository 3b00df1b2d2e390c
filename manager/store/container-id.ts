/** Length of the ids that clients show and users copy. */
export const shortIdLength = 12;

/** Length of the shortest prefixes that the store's index of prefixes has. */
const indexedPrefixLength = 3;

/** Keys of the index of prefixes that hold every container whose id has this hexadecimal prefix. */
export function prefixKeys(prefix: string): readonly string[] {
  if (prefix.length >= indexedPrefixLength) return [prefix.slice(0, indexedPrefixLength)];
  const count = 16 ** (indexedPrefixLength - prefix.length);
  const rest = indexedPrefixLength - prefix.length;
  return Array.from({ length: count }, (_, i) => prefix + i.toString(16).padStart(rest, '0'));
}

/** The part of a container's id that the store's index has. */
export function shortContainerId(id: string): string {
  return id.slice(0, shortIdLength);
}
