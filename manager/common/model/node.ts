import type { NodeId } from './ids.js';
import type { Labels, Meta } from './meta.js';

/** A machine that has joined the cluster. */
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
  /** Drained without waiting for successors: tasks stop at once. Only with `drain`. */
  readonly forced?: true;
  readonly labels: Labels;
  readonly role: 'manager' | 'worker';
}

/** Facts about a machine, as reported by its worker. */
export interface NodeDescription {
  readonly hostname: string;
  /** Underlay IPv4 address: the node's VTEP and the address of its published ports. */
  readonly address: string;
  readonly os: string;
  /** Docker's name: amd64, arm64, … */
  readonly arch: string;
  readonly nanoCpus: number;
  readonly memoryBytes: number;
  readonly engineVersion: string;
  readonly engineLabels: Labels;
  readonly plugins: readonly string[];
  readonly shoalVersion: string;
}

export interface NodeStatus {
  /**
   * `unknown`: not heard from since this manager leads, or its engine does not answer. `down`:
   * missed its heartbeats, or its engine has not answered for long; its tasks are replaced.
   */
  readonly state: 'unknown' | 'ready' | 'down';
  readonly since: number;
  readonly message: string;
  /** The worker is connected, but its Docker engine does not answer. */
  readonly engine?: 'silent';
}
