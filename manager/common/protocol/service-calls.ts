import type { Service } from '../model/service.js';

/** The client's calls about services of one project; no names are all of them. */
export interface ServiceCallMap {
  'service.list': { args: { readonly project?: string }; result: readonly Service[] };
  'service.scale': {
    args: { readonly project: string; readonly replicas: Readonly<Record<string, number>> };
    result: null;
  };
  /** `stop` and `start`: sets `halted`. */
  'service.halt': {
    args: {
      readonly project: string;
      readonly services: readonly string[];
      readonly halted: boolean;
      readonly timeoutMs?: number;
    };
    result: null;
  };
  /** Restarts the containers in place, and those of services that ask to be restarted with them. */
  'service.restart': {
    args: {
      readonly project: string;
      readonly services: readonly string[];
      /** Only the named ones. */
      readonly noDependents?: boolean;
      /** Only these tasks of the named services; others that depend on them are left alone. */
      readonly taskIds?: readonly string[];
      readonly timeoutMs?: number;
    };
    result: null;
  };
  'service.kill': {
    args: {
      readonly project: string;
      readonly services: readonly string[];
      /** Only these tasks of them. */
      readonly taskIds?: readonly string[];
      readonly signal: string;
    };
    result: null;
  };
  'service.pause': {
    args: {
      readonly project: string;
      readonly services: readonly string[];
      /** Only these tasks of them. */
      readonly taskIds?: readonly string[];
      readonly paused: boolean;
    };
    result: null;
  };
  /**
   * New tasks for the same specs, as `update_config` says; all services of the project when none is named.
   * Returns their Compose keys. Fails as `conflict` for one that is stopped.
   */
  'service.roll': {
    args: { readonly project: string; readonly services: readonly string[] };
    result: readonly string[];
  };
  /**
   * Back to the spec before, as `rollback_config` says; without names, every service that has one. Returns their
   * Compose keys. Fails as `conflict` when there is none, or when what it needs is gone.
   */
  'service.rollback': {
    args: { readonly project: string; readonly services: readonly string[] };
    result: readonly string[];
  };
  /** `rm`: removes the stopped containers of these services. Returns their names. */
  'service.clean': {
    args: { readonly project: string; readonly services: readonly string[] };
    result: readonly string[];
  };
}
