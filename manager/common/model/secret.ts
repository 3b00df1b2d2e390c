import type { ConfigId, SecretId } from './ids.js';
import type { Labels, Meta } from './meta.js';

/** Data is base64; it never leaves the manager but to nodes that run a task that uses it. */
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
  /** Unique in the cluster; carries a hash of the content, so that changed content is another name. */
  readonly name: string;
  readonly project: string;
  readonly key: string;
  readonly labels: Labels;
}

/**
 * The longest content, bytes: it is held in memory on each node that needs it, and as base64 within its
 * object it stays below the 512 KiB that a key of Consul may have.
 */
export const maxDataBytes = 350 * 1024;

/** The content of a stored object, base64. Nobody reads `data` but through this. */
export function contentOf(object: Secret | Config): string {
  return object.data;
}
