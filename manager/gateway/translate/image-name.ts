export interface ImageName {
  /** Without what everybody leaves out: `docker.io/library/redis` is `redis`. */
  readonly name: string;
  /** Empty when there is none. */
  readonly tag: string;
  /** `sha256:…`, or empty. */
  readonly digest: string;
}

/** The parts of an image's name: `registry:5000/a/b:tag@sha256:…`. */
export function parseImage(text: string): ImageName {
  const [tagged = '', digest = ''] = text.split('@');
  // A colon before a slash is a registry's port.
  const colon = tagged.lastIndexOf(':');
  const hasTag = colon > tagged.lastIndexOf('/');
  const name = hasTag ? tagged.slice(0, colon) : tagged;
  return {
    name: name.replace(/^(?:index\.)?docker\.io\//u, '').replace(/^library\//u, ''),
    tag: hasTag ? tagged.slice(colon + 1) : '',
    digest,
  };
}
