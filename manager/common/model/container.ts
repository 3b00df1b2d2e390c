import type { JsonObject, Labels } from './meta.js';

/**
 * What one container is to be. Fields with a meaning for the cluster have names of their own; all the
 * rest is in `config` and `hostConfig`, in the words of the Engine API's `POST /containers/create`
 * (API 1.41), and is passed through unread.
 */
export interface ContainerSpec {
  readonly image: string;
  /** `os/arch[/variant]`: a hard placement constraint. */
  readonly platform?: string;
  readonly pullPolicy: 'missing' | 'always' | 'never';
  /** Undefined inherits the image's; an empty list clears it. */
  readonly command?: readonly string[];
  readonly entrypoint?: readonly string[];
  /** A null value removes a variable that the image sets. */
  readonly env: Readonly<Record<string, string | null>>;
  readonly labels: Labels;
  readonly hostname?: string;
  readonly healthcheck?: HealthcheckSpec;
  readonly mounts: readonly MountSpec[];
  /** The engine's own restarts; `no` where the orchestrator restarts by `TaskSpec.restart`. */
  readonly engineRestart: EngineRestart;
  readonly networkMode: NetworkMode;
  /** Shares the IPC or PID namespace of the same slot of another service of the project; see pod.ts. */
  readonly ipcService?: string;
  readonly pidService?: string;
  /** All mounts of the same slot of other services of the project. */
  readonly volumesFrom?: readonly VolumesFrom[];
  /** Compose's `container_name`; else the name is `<project>-<service>-<slot>`. */
  readonly containerName?: string;
  readonly stopSignal?: string;
  readonly stopGraceMs: number;
  readonly tty: boolean;
  readonly stdinOpen: boolean;
  readonly dns: readonly string[];
  readonly dnsSearch: readonly string[];
  readonly dnsOptions: readonly string[];
  /** `name:address`, as `HostConfig.ExtraHosts`. */
  readonly extraHosts: readonly string[];
  /** Commands run in the container by the worker after it has started it, and before it stops it. */
  readonly postStart?: readonly HookSpec[];
  readonly preStop?: readonly HookSpec[];
  /** Secrets and configs as files. */
  readonly files: readonly FileMount[];
  /** Top-level keys of the create body: User, WorkingDir, Domainname, … */
  readonly config: JsonObject;
  /** Keys of `HostConfig`: CapAdd, Devices, Sysctls, Ulimits, LogConfig, Tmpfs, ShmSize, Init, … */
  readonly hostConfig: JsonObject;
}

export type NetworkMode =
  | { readonly kind: 'networks' }
  | { readonly kind: 'host' }
  | { readonly kind: 'none' }
  /** Shares the network namespace of the same slot of another service of the project. */
  | { readonly kind: 'service'; readonly service: string };

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
  /** Only with `on-failure`; 0 is without limit. */
  readonly maxRetries?: number;
}

export interface HealthcheckSpec {
  /** `['NONE']` switches the image's check off. */
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
      /** Cluster-wide volume name; undefined is an anonymous volume of the engine. */
      readonly source?: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly noCopy: boolean;
      readonly subpath?: string;
      /** Of a volume that the engine makes for this mount. */
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
      /** `z` or `Z`: relabelled for this container. */
      readonly selinux?: string;
      /** What becomes of mounts below it; undefined is the engine's way. */
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
  readonly uid: string;
  readonly gid: string;
  /** Permission bits, e.g. 0o444. */
  readonly mode: number;
}
