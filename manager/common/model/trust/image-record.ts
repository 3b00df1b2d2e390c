import type { ContainerSpec } from '../container.js';
import type { ImageId, NodeId } from '../ids.js';
import type { Meta } from '../meta.js';
import { parsePlatform } from '../platform.js';

/** The content that an image name has in the whole cluster. Nodes run and copy no other. */
export interface ImageRecord extends Meta {
  /** The name in its shortest form with its tag, see `imageKey`. */
  readonly id: ImageId;
  /** Image id, `sha256:…`, by platform `os/arch[/variant]`. */
  readonly contents: Readonly<Record<string, string>>;
  /**
   * Digest of the name in its registry, of an image or an index, as it was resolved once for all
   * nodes; undefined for an image that was built or loaded, or whose registry did not answer.
   */
  readonly digest?: string;
  /**
   * `client`: built, pulled, loaded, committed or tagged through a manager. `copy`: the first copy
   * between nodes, of an image that no client has announced.
   */
  readonly source: 'client' | 'copy';
  /** The node where the content was made or found. */
  readonly nodeId: NodeId;
}

/** A node's own statement about its copy of an image. */
export interface ImageClaim {
  readonly nodeId: NodeId;
  readonly id: string;
  readonly platform: string;
}

/** The shortest form of a reference: `docker.io/library/app` is `app:latest`. */
export function imageKey(reference: string): ImageId {
  const short = reference.replace(/^(?:index\.)?docker\.io\//u, '').replace(/^library\//u, '');
  return (/[:@][^/]*$/u.test(short) ? short : `${short}:latest`) as ImageId;
}

/** True for a reference whose content never changes: an id or a name with a digest. */
export function isContentReference(reference: string): boolean {
  return /^sha256:|@sha256:|^[0-9a-f]{12,64}$/u.test(reference);
}

/** `name:tag@digest`, the reference of a pinned image. */
export function pinnedReference(image: string, digest: string): string {
  return `${image}@${digest}`;
}

/** The reference whose content a container runs: pinned to a digest, or its image's name. */
export function runReference({
  image,
  imageDigest,
}: Pick<ContainerSpec, 'image' | 'imageDigest'>): string {
  return imageDigest === undefined ? image : pinnedReference(image, imageDigest);
}

/** Splits `name[:tag]@digest`; undefined for a reference without a digest. */
export function splitPinned(
  reference: string,
): { readonly name: string; readonly digest: string } | undefined {
  const at = reference.indexOf('@sha256:');
  if (at < 0) return undefined;
  return { name: reference.slice(0, at), digest: reference.slice(at + 1) };
}

/** The container with the digest that its image is pinned to, in place of any other. */
export function withPinnedImage<Container extends PinnableContainer>(
  container: Container,
  record: ImageRecord | undefined,
): Container {
  const { imageDigest: _given, ...rest } = container;
  const digest = container.pullPolicy === 'never' ? undefined : record?.digest;
  // Removing an optional field leaves the same type.
  const unpinned = rest as Container;
  return digest === undefined || isContentReference(container.image)
    ? unpinned
    : { ...unpinned, imageDigest: digest };
}

type PinnableContainer = Pick<ContainerSpec, 'image' | 'imageDigest' | 'pullPolicy'>;

/** `os/arch` of a platform; variants of an architecture are one, as in placement. */
function platformKey(platform: string): string {
  const { os, arch } = parsePlatform(platform);
  return `${os}/${arch}`;
}

/** The recorded id for a platform; undefined if only other platforms are recorded. */
export function recordedId(record: ImageRecord | undefined, platform: string): string | undefined {
  return record?.contents[platformKey(platform)];
}

/** The first twelve digits of an image id. */
export function shortImageId(id: string): string {
  return id.replace('sha256:', '').slice(0, 12);
}

/** The contents with the node's copy for its platform; other platforms keep theirs. */
export function withClaim(
  contents: ImageRecord['contents'],
  { platform, id }: ImageClaim,
): ImageRecord['contents'] {
  return { ...contents, [platformKey(platform)]: id };
}

/** True if no claim for the platform has another id. */
export function isAgreed(claims: readonly ImageClaim[], { platform, id }: ImageClaim): boolean {
  const key = platformKey(platform);
  return claims.every((claim) => claim.id === id || platformKey(claim.platform) !== key);
}

/** The copies with the recorded content first; the others stay in their order. */
export function recordedFirst<Copy extends Pick<ImageClaim, 'id' | 'platform'>>(
  copies: readonly Copy[],
  record: ImageRecord | undefined,
): readonly Copy[] {
  const rank = ({ id, platform }: Copy): number => (recordedId(record, platform) === id ? 0 : 1);
  return [...copies].sort((a, b) => rank(a) - rank(b));
}
