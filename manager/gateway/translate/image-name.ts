import { parseImageTag } from '../../common/model/trust/image-tag.js';

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
  const { name, tag = '', digest = '' } = parseImageTag(text);
  const familiar = name.replace(/^(?:index\.)?docker\.io\//u, '').replace(/^library\//u, '');
  return { name: familiar, tag, digest };
}
