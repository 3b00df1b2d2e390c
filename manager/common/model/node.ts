import type { NodeId } from './ids.js';
import type { Labels, Meta } from './meta.js';

/** A machine that has joined. */
export interface Node extends Meta {
  readonly id: NodeId;
  readonly spec: NodeSpec;
  readonly description: NodeDescription;
  readonly status: NodeStatus;
}

/** Written by users only. */
export interface NodeSpec {
  readonly name: string;
  readonly availability: 'active' | 'pause' | 'drain';
  readonly labels: Labels;
  readonly role: 'manager' | 'worker';
}

/** What the worker says of its machine in `hello`. */
export interface NodeDescription {
  readonly hostname: string;
  /** Underlay IPv4 address: VTEP of the node and where its published ports are. */
  readonly address: string;
  readonly os: string;
  /** Docker's words: amd64, arm64, … */
  readonly arch: string;
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly engineVersion: string;
  readonly engineLabels: Labels;
  readonly plugins: readonly string[];
  readonly shoalVersion: string;
}

export interface NodeStatus {
  /** `unknown`: not heard of since this manager leads. `down`: missed its heartbeats. */
  readonly state: 'unknown' | 'ready' | 'down';
  readonly since: number;
  readonly message: string;
}
