/** Length of the ids that clients show and users copy. */
export const shortIdLength = 12;

/** The part of a container's id that the store's index has. */
export function shortContainerId(id: string): string {
  return id.slice(0, shortIdLength);
}
