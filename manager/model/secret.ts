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
