/**
 * JSON of a record. Objects in the store are never changed, and a task's spec, the largest part of it, is the
 * same object in every version of the task and in all tasks of its service: its text is made once.
 */
export function recordText(value: object): string {
  const { spec, ...rest } = value as { readonly spec?: unknown };
  if (typeof spec !== 'object' || spec === null) return JSON.stringify(value);
  const text = JSON.stringify(rest);
  let specText = texts.get(spec);
  if (specText === undefined) {
    specText = JSON.stringify(spec);
    texts.set(spec, specText);
  }
  return text === '{}' ? `{"spec":${specText}}` : `${text.slice(0, -1)},"spec":${specText}}`;
}

/** Goes with the objects. */
const texts = new WeakMap<object, string>();
