export interface TaggedName {
  /** With registry and path, without tag and digest. */
  readonly name: string;
  readonly tag?: string;
  readonly digest?: string;
}

/** Splits an image reference at its tag and digest: `registry:5000/a/b:tag@sha256:…`. */
export function parseImageTag(reference: string): TaggedName {
  const [tagged = '', digest] = reference.split('@');
  // A colon before a slash belongs to the registry's port.
  const colon = tagged.lastIndexOf(':');
  const hasTag = colon > tagged.lastIndexOf('/');
  return {
    name: hasTag ? tagged.slice(0, colon) : tagged,
    ...(hasTag ? { tag: tagged.slice(colon + 1) } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}
