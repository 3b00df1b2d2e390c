import type { ConfigId, SecretId } from './ids.js';
import type { Labels, Meta } from './meta.js';

/** A secret. `data` is base64 and is sent only to nodes that run a task that uses it. */
export interface Secret extends Meta {
  readonly id: SecretId;
  readonly spec: DataSpec;
  readonly data: string;
}

export interface Config extends Meta {
  readonly id: ConfigId;
  readonly spec: DataSpec;
  readonly data: string;
}

export interface DataSpec {
  /**
   * Unique in the cluster; includes a hash of the content, so that changed content gets a new name.
   */
  readonly name: string;
  readonly project: string;
  readonly key: string;
  readonly labels: Labels;
}

/**
 * Maximum size of the content, bytes. The content is held in memory on each node that needs it, and
 * its object, with base64 data, must stay below Consul's limit of 512 KiB per key.
 */
export const maxDataBytes = 350 * 1024;

/** Content of a stored object, base64. All access to `data` goes through this function. */
export function contentOf(object: Secret | Config): string {
  return object.data;
}
