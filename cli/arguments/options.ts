/** Parser for commander that collects the values of a repeatable flag. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}
