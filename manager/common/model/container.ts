import type { JsonObject, Labels } from './meta.js';

/**
 * Spec of one container. Fields with a meaning for the cluster have their own names; the rest is in
 * `config` and `hostConfig`, in the format of the Engine API's `POST /containers/create` (API
 * 1.41), and is passed through unchanged.
 */
export interface ContainerSpec {
  /** Set for a container that a client created through the Docker API. */
  readonly origin?: ContainerOrigin;
  readonly image: string;
  /**
   * Digest of `image` in its registry, `sha256:…`, which the deployment pinned: every node runs it.
   * Set by the manager; undefined for an image that did not come from a registry.
   */
  readonly imageDigest?: string;
  /** `os/arch[/variant]`: a hard placement constraint. */
  readonly platform?: string;
  readonly pullPolicy: 'missing' | 'always' | 'never';
  /** Undefined inherits the image's command; an empty list clears it. */
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  /** A null value removes a variable that the image sets. */
  readonly env: Readonly<Record<string, string | null>>;
  readonly labels: Labels;
  readonly hostname?: string;
  /** Environment, hostname and mounts are templates of Swarm mode, see template.ts. */
  readonly templated?: true;
  readonly healthcheck?: HealthcheckSpec;
  readonly mounts: readonly MountSpec[];
  /**
   * Folders of machines that the policy of the project allows: mounts of what is in them must not
   * lead out of them. Set by the manager.
   */
  readonly confinedTo?: readonly string[];
  /** Restart policy of the engine; `no` if the orchestrator restarts by `TaskSpec.restart`. */
  readonly engineRestart: EngineRestart;
  readonly networkMode: NetworkMode;
  /**
   * Shares the IPC or PID namespace of the same slot of another service of the project; see pod.ts.
   */
  readonly ipcService?: string;
  readonly pidService?: string;
  /** Services of the project whose mounts, of the same slot, the container shares. */
  readonly volumesFrom?: readonly VolumesFrom[];
  /**
   * Time of the last `--renew-anon-volumes`, ms since the epoch: anonymous volumes of containers
   * with an earlier one are not reused. Undefined means never.
   */
  readonly volumesRenewedAt?: number;
  /** Compose's `container_name`; defaults to `<project>-<service>-<slot>`. */
  readonly containerName?: string;
  readonly stopSignal?: string;
  /** Undefined means the engine's default, `defaultStopGraceMs`. */
  readonly stopGraceMs?: number;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  /** Starts only once a client has attached, so that the client gets all output: one-off containers. */
  readonly startOnAttach?: boolean;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** `name:address`, as `HostConfig.ExtraHosts`. */
  readonly extraHosts: readonly string[];
  /** Lifecycle hooks: commands the worker runs in the container after start and before stop. */
  readonly postStart?: readonly HookSpec[];
  readonly preStop?: readonly HookSpec[];
  /** Secrets and configs as files. */
  readonly files: readonly FileMount[];
  /** Top-level keys of the create body: User, WorkingDir, Domainname, … */
  readonly config: JsonObject;
  /** Keys of `HostConfig`: CapAdd, Devices, Sysctls, Ulimits, LogConfig, Tmpfs, ShmSize, Init, … */
  readonly hostConfig: JsonObject;
}

/** A container of its own: placed once, never replaced, in the hands of the client. */
export interface ContainerOrigin {
  /** Removed once it has exited (`docker run --rm`). */
  readonly autoRemove: boolean;
}

export type NetworkMode =
  | { readonly kind: 'networks' }
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  /** Shares the network namespace of the same slot of another service of the project. */
  | { readonly kind: 'service'; readonly service: string }
  /** Shares the network namespace of a container on the same node, by its id on the engine. */
  | { readonly kind: 'container'; readonly container: string };

export interface HookSpec {
  readonly command: readonly string[];
  readonly user?: string;
  readonly privileged: boolean;
  readonly workingDir?: string;
  readonly env: Readonly<Record<string, string | null>>;
}

export interface VolumesFrom {
  readonly service: string;
  readonly readOnly: boolean;
}

export interface EngineRestart {
  readonly name: 'no' | 'always' | 'unless-stopped' | 'on-failure';
  /** Only with `on-failure`; 0 means no limit. */
  readonly maxRetries?: number;
}

export interface HealthcheckSpec {
  /** `['NONE']` disables the image's health check. */
  readonly test?: readonly string[];
  readonly intervalMs?: number;
  readonly timeoutMs?: number;
  readonly startPeriodMs?: number;
  readonly startIntervalMs?: number;
  readonly retries?: number;
}

export type MountSpec =
  | {
      readonly type: 'volume';
      /** Cluster-wide volume name; undefined means an anonymous volume of the engine. */
      readonly source?: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly noCopy: boolean;
      readonly subpath?: string;
      /** Labels of a volume that the engine creates for this mount. */
      readonly labels?: Labels;
      readonly consistency?: string;
    }
  | {
      readonly type: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly createHostPath: boolean;
      readonly propagation?: string;
      /** SELinux relabelling: `z` (shared) or `Z` (private). */
      readonly selinux?: string;
      /** Handling of submounts; undefined means the engine's default. */
      readonly recursive?: 'disabled' | 'writable' | 'readonly';
      readonly consistency?: string;
    }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly sizeBytes?: number;
      readonly mode?: number;
      readonly readOnly: boolean;
      readonly consistency?: string;
    }
  | {
      readonly type: 'image';
      readonly source: string;
      readonly target: string;
      readonly subpath?: string;
    };

export interface FileMount {
  readonly kind: 'secret' | 'config';
  /** Name of the secret or config in the cluster. */
  readonly source: string;
  readonly target: string;
  /** Numeric; empty means the user, or group, that the container runs as. */
  readonly uid: string;
  readonly gid: string;
  /** Permission bits, e.g. 0o444. */
  readonly mode: number;
}

/** Time from the stop signal to SIGKILL unless a container has its own, ms. */
export const defaultStopGraceMs = 10_000;
