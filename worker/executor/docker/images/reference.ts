import { parseImageTag } from '../../../../manager/common/model/trust/image-tag.js';

/**
 * Splits a reference for a pull. Adds `latest`, as without a tag or digest the engine would pull
 * every tag of the repository. A digest makes a tag needless.
 */
export function toReference(image: string): { readonly fromImage: string; readonly tag?: string } {
  const { name, tag = 'latest', digest } = parseImageTag(image);
  return digest === undefined ? { fromImage: name, tag } : { fromImage: `${name}@${digest}` };
}
