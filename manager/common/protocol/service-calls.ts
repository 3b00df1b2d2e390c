import type { VolumeSpec } from '../model/network.js';
import type { NetworkAttachmentSpec, Resources, Service, ServiceSpec } from '../model/service.js';
import type { EngineRestart } from '../model/container.js';

/** Client calls about services of one project; an empty list of services selects all of them. */
export interface ServiceCallMap {
  'service.list': { args: { readonly project?: string }; result: readonly Service[] };
  'service.scale': {
    args: { readonly project: string; readonly replicas: Readonly<Record<string, number>> };
    result: null;
  };
  /** `stop` and `start`: set `halted`. */
  'service.halt': {
    args: {
      readonly project: string;
      readonly services: readonly string[];
      /** Restricts the call to these services: several may have the same key. */
      readonly serviceIds?: readonly string[];
      readonly halted: boolean;
      readonly timeoutMs?: number;
    };
    result: null;
  };
  /** Restarts containers in place, and those of dependents with `depends_on.restart`. */
  'service.restart': {
    args: {
      readonly project: string;
      readonly services: readonly string[];
      readonly serviceIds?: readonly string[];
      /** Restarts only the named services. */
      readonly noDependents?: boolean;
      /** Restricts the call to these tasks of the named services; dependents are not restarted. */
      readonly taskIds?: readonly string[];
      readonly timeoutMs?: number;
    };
    result: null;
  };
  'service.kill': {
    args: {
      readonly project: string;
      readonly services: readonly string[];
      readonly serviceIds?: readonly string[];
      /** Restricts the call to these tasks. */
      readonly taskIds?: readonly string[];
      readonly signal: string;
    };
    result: null;
  };
  'service.pause': {
    args: {
      readonly project: string;
      readonly services: readonly string[];
      readonly serviceIds?: readonly string[];
      /** Restricts the call to these tasks. */
      readonly taskIds?: readonly string[];
      readonly paused: boolean;
    };
    result: null;
  };
  /**
   * Replaces the tasks with new ones of the same spec, following `update_config`; all services of
   * the project if none is named. Returns their Compose keys. Throws `conflict` for a stopped
   * service.
   */
  'service.roll': {
    args: { readonly project: string; readonly services: readonly string[] };
    result: readonly string[];
  };
  /**
   * Rolls back to the previous spec, following `rollback_config`; without names, every service that
   * has one. Returns their Compose keys. Throws `conflict` if there is no previous spec or one of
   * the networks, volumes, secrets or configs it refers to no longer exists.
   */
  'service.rollback': {
    args: { readonly project: string; readonly services: readonly string[] };
    result: readonly string[];
  };
  /**
   * Creates a service, and those of its volumes that do not exist. Returns its id. Throws `conflict`
   * if its name is taken, `invalid` if another service publishes one of its ports.
   */
  'service.create': {
    args: {
      readonly project: string;
      readonly spec: ServiceSpec;
      readonly volumes: readonly VolumeSpec[];
    };
    result: string;
  };
  /**
   * Replaces the spec of a service, following its `update_config`; `force` replaces its tasks also
   * without a change. Throws `conflict` unless the service has this version.
   */
  'service.update': {
    args: {
      readonly project: string;
      readonly serviceId: string;
      readonly version: number;
      readonly spec: ServiceSpec;
      readonly volumes: readonly VolumeSpec[];
      readonly force: boolean;
    };
    result: null;
  };
  /** `service.rollback` of one service. Throws `conflict` unless it has this version. */
  'service.revert': {
    args: { readonly project: string; readonly serviceId: string; readonly version: number };
    result: null;
  };
  /** Marks a service for removal: its tasks are removed first. */
  'service.remove': {
    args: { readonly project: string; readonly serviceId: string };
    result: null;
  };
  /** `rm`: removes the stopped containers of the services. Returns the container names. */
  'service.clean': {
    args: { readonly project: string; readonly services: readonly string[] };
    result: readonly string[];
  };
  /**
   * Creates a service of one container, which waits for its start, and those of its volumes that do
   * not exist. Returns the service's id. Throws `conflict` if a container has its name.
   */
  'container.create': {
    args: { readonly spec: ServiceSpec; readonly volumes: readonly VolumeSpec[] };
    result: string;
  };
  /** Removes the service that a failed `container.create` has left, with its container. */
  'container.discard': { args: { readonly serviceId: string }; result: null };
  /**
   * Removes a task's container. A client's container is gone for good; the container of another
   * service is replaced. Throws `conflict` for a running container without `force`.
   */
  'container.remove': {
    args: { readonly taskId: string; readonly force: boolean };
    result: null;
  };
  /**
   * Puts the containers of a task's service in the hands of the client, as `docker compose up` does.
   * Does nothing for a client's container. Throws `conflict` if only the cluster can do what the
   * service asks for.
   */
  'container.release': { args: { readonly taskId: string }; result: null };
  /** Records the new name of a client's container. Throws `conflict` if it is taken. */
  'container.rename': { args: { readonly taskId: string; readonly name: string }; result: null };
  /**
   * Connects a client's container to a network, for its later runs too. Throws `forbidden` if it is
   * connected already or has no networks of its own.
   */
  'container.connect': {
    args: { readonly taskId: string; readonly attachment: NetworkAttachmentSpec };
    result: null;
  };
  /** Disconnects a client's container from a network, for its later runs too. */
  'container.disconnect': {
    args: { readonly taskId: string; readonly network: string };
    result: null;
  };
  /** Records new limits and a new restart policy of a client's container. */
  'container.update': {
    args: {
      readonly taskId: string;
      readonly resources: Resources;
      readonly restart?: EngineRestart;
    };
    result: null;
  };
}
