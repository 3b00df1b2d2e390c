export interface ImageName {
  /** Familiar name without default registry and namespace: `docker.io/library/redis` is `redis`. */
  readonly name: string;
  /** Empty if absent. */
  readonly tag: string;
  /** `sha256:…`, or empty. */
  readonly digest: string;
}

/** Parses an image reference: `registry:5000/a/b:tag@sha256:…`. */
export function parseImage(text: string): ImageName {
  const [tagged = '', digest = ''] = text.split('@');
  // A colon before a slash belongs to the registry's port.
  const colon = tagged.lastIndexOf(':');
  const hasTag = colon > tagged.lastIndexOf('/');
  const name = hasTag ? tagged.slice(0, colon) : tagged;
  return {
    name: name.replace(/^(?:index\.)?docker\.io\//u, '').replace(/^library\//u, ''),
    tag: hasTag ? tagged.slice(colon + 1) : '',
    digest,
  };
}
