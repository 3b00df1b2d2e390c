import type { FileObject, Model, ComposeNetwork, ComposeVolume } from './model-resources.js';
import type { Tree } from './yaml/tree.js';

/**
 * The canonical Compose model: short forms are expanded, defaults of the specification are set,
 * paths are absolute. Keys are named as in a Compose file because messages, the output of `config`
 * and the config hash use them. Sizes are decimal strings of bytes, durations use Go's format
 * (`1m30s`), file modes are four-digit octal strings: exactly the output of `config --format json`.
 */
export interface Project {
  readonly name: string;
  /** Separator in names of containers and images, `-` unless set: `--compatibility`. */
  readonly nameSeparator?: '_';
  /** Absolute path of the directory against which relative paths of the first file are resolved. */
  readonly workingDirectory: string;
  /**
   * Absolute paths of the given or discovered files, in order of precedence, without included ones.
   */
  readonly composeFiles: readonly string[];
  /** Absolute paths of `--env-file` arguments; empty if only `.env` was used. */
  readonly environmentFiles: readonly string[];
  /** Environment for interpolation: the process environment over the `.env` files. */
  readonly environment: Readonly<Record<string, string>>;
  readonly profiles: readonly string[];
  /** Enabled services by name. */
  readonly services: Readonly<Record<string, ComposeService>>;
  /** Services of inactive profiles, also canonical. */
  readonly disabledServices: Readonly<Record<string, ComposeService>>;
  readonly networks: Readonly<Record<string, ComposeNetwork>>;
  readonly volumes: Readonly<Record<string, ComposeVolume>>;
  readonly secrets: Readonly<Record<string, FileObject>>;
  readonly configs: Readonly<Record<string, FileObject>>;
  readonly models: Readonly<Record<string, Model>>;
  /** Top-level `x-*` fields as written. */
  readonly extensions: Readonly<Record<string, unknown>>;
  /** Returns the merged tree at a path; only the tree holds nested extension fields. */
  readonly mergedTree: (path: readonly (string | number)[]) => Tree | undefined;
  /** Returns the place of a key, `FILE:LINE:COLUMN: KEY`, for messages about a loaded project. */
  readonly locate: (path: readonly (string | number)[]) => string;
}

type StringMap = Readonly<Record<string, string>>;
/** `null` marks a variable to be taken from the environment that was not set there. */
type NullableStringMap = Readonly<Record<string, string | null>>;

export interface ComposeService {
  readonly annotations?: StringMap;
  readonly attach?: boolean;
  readonly blkio_config?: BlkioConfig;
  readonly build?: Build;
  readonly cap_add?: readonly string[];
  readonly cap_drop?: readonly string[];
  readonly cgroup?: string;
  readonly cgroup_parent?: string;
  /** `null` keeps the image's value; `[]` clears it. */
  readonly command: readonly string[] | null;
  readonly configs?: readonly FileReference[];
  readonly container_name?: string;
  readonly cpu_count?: number;
  readonly cpu_percent?: number;
  readonly cpu_period?: number;
  readonly cpu_quota?: number;
  readonly cpu_rt_period?: number;
  readonly cpu_rt_runtime?: number;
  readonly cpu_shares?: number;
  readonly cpus?: number;
  readonly cpuset?: string;
  readonly credential_spec?: CredentialSpec;
  readonly depends_on?: Readonly<Record<string, ComposeDependency>>;
  readonly deploy?: ComposeDeploy;
  readonly develop?: Develop;
  readonly device_cgroup_rules?: readonly string[];
  readonly devices?: readonly DeviceMapping[];
  readonly dns?: readonly string[];
  readonly dns_opt?: readonly string[];
  readonly dns_search?: readonly string[];
  readonly domainname?: string;
  /** `null` keeps the image's value; `[]` clears it. */
  readonly entrypoint: readonly string[] | null;
  readonly environment?: NullableStringMap;
  readonly env_file?: readonly EnvFile[];
  readonly expose?: readonly string[];
  readonly extends?: { readonly service: string; readonly file?: string };
  readonly external_links?: readonly string[];
  /** `host=address` entries, one per address. */
  readonly extra_hosts?: readonly string[];
  readonly gpus?: readonly DeviceRequest[];
  readonly group_add?: readonly string[];
  readonly healthcheck?: Healthcheck;
  readonly hostname?: string;
  readonly image?: string;
  readonly init?: boolean;
  readonly ipc?: string;
  readonly isolation?: string;
  readonly label_file?: readonly string[];
  readonly labels?: StringMap;
  readonly links?: readonly string[];
  readonly logging?: Logging;
  readonly mac_address?: string;
  readonly mem_limit?: string;
  readonly mem_reservation?: string;
  readonly mem_swappiness?: string;
  readonly memswap_limit?: string;
  readonly models?: Readonly<Record<string, ModelReference | null>>;
  readonly network_mode?: string;
  readonly networks?: Readonly<Record<string, NetworkAttachment | null>>;
  readonly oom_kill_disable?: boolean;
  readonly oom_score_adj?: number;
  readonly pid?: string;
  readonly pids_limit?: number;
  readonly platform?: string;
  readonly ports?: readonly Port[];
  readonly post_start?: readonly Hook[];
  readonly pre_stop?: readonly Hook[];
  readonly privileged?: boolean;
  readonly profiles?: readonly string[];
  readonly provider?: Provider;
  readonly pull_policy?: string;
  readonly pull_refresh_after?: string;
  readonly read_only?: boolean;
  readonly restart?: string;
  readonly runtime?: string;
  readonly scale?: number;
  readonly secrets?: readonly FileReference[];
  readonly security_opt?: readonly string[];
  readonly shm_size?: string;
  readonly stdin_open?: boolean;
  readonly stop_grace_period?: string;
  readonly stop_signal?: string;
  readonly storage_opt?: StringMap;
  readonly sysctls?: StringMap;
  readonly tmpfs?: readonly string[];
  readonly tty?: boolean;
  readonly ulimits?: Readonly<Record<string, number | UlimitRange>>;
  readonly use_api_socket?: boolean;
  readonly user?: string;
  readonly userns_mode?: string;
  readonly uts?: string;
  readonly volumes?: readonly Mount[];
  readonly volumes_from?: readonly string[];
  readonly working_dir?: string;
}

export interface UlimitRange {
  readonly soft: number;
  readonly hard: number;
}

export interface BlkioConfig {
  readonly weight?: number;
  readonly weight_device?: readonly { readonly Path: string; readonly Weight: number }[];
  readonly device_read_bps?: readonly BlkioLimit[];
  readonly device_read_iops?: readonly BlkioLimit[];
  readonly device_write_bps?: readonly BlkioLimit[];
  readonly device_write_iops?: readonly BlkioLimit[];
}

export interface BlkioLimit {
  readonly Path: string;
  readonly Rate: string;
}

export interface Build {
  readonly additional_contexts?: StringMap;
  readonly args?: NullableStringMap;
  readonly cache_from?: readonly string[];
  readonly cache_to?: readonly string[];
  readonly context?: string;
  readonly dockerfile?: string;
  readonly dockerfile_inline?: string;
  readonly entitlements?: readonly string[];
  readonly extra_hosts?: readonly string[];
  readonly isolation?: string;
  readonly labels?: StringMap;
  readonly network?: string;
  readonly no_cache?: boolean;
  readonly platforms?: readonly string[];
  readonly privileged?: boolean;
  readonly provenance?: string;
  readonly pull?: boolean;
  readonly sbom?: string;
  readonly secrets?: readonly FileReference[];
  readonly shm_size?: string;
  readonly ssh?: readonly string[];
  readonly tags?: readonly string[];
  readonly target?: string;
  readonly ulimits?: Readonly<Record<string, number | UlimitRange>>;
}

export interface CredentialSpec {
  readonly config?: string;
  readonly file?: string;
  readonly registry?: string;
}

export interface ComposeDependency {
  readonly condition: 'service_started' | 'service_healthy' | 'service_completed_successfully';
  readonly restart?: boolean;
  readonly required: boolean;
}

export interface ComposeDeploy {
  readonly mode?: string;
  readonly replicas?: number;
  readonly labels?: StringMap;
  readonly update_config?: ComposeUpdateConfig;
  readonly rollback_config?: ComposeUpdateConfig;
  readonly resources: {
    readonly limits?: ComposeResources;
    readonly reservations?: ComposeResources;
  };
  readonly restart_policy?: ComposeRestartPolicy;
  readonly placement: ComposePlacement;
  readonly endpoint_mode?: string;
}

export interface ComposeUpdateConfig {
  readonly parallelism?: number;
  readonly delay?: string;
  readonly failure_action?: string;
  readonly monitor?: string;
  readonly max_failure_ratio?: number;
  readonly order?: string;
}

export interface ComposeResources {
  readonly cpus?: number;
  readonly memory?: string;
  readonly pids?: number;
  readonly devices?: readonly DeviceRequest[];
  readonly generic_resources?: readonly {
    readonly discrete_resource_spec?: { readonly kind: string; readonly value: number };
  }[];
}

export interface ComposeRestartPolicy {
  readonly condition?: string;
  readonly delay?: string;
  readonly max_attempts?: number;
  readonly window?: string;
}

export interface ComposePlacement {
  readonly constraints?: readonly string[];
  readonly preferences?: readonly { readonly spread?: string }[];
  readonly max_replicas_per_node?: number;
}

export interface Develop {
  readonly watch?: readonly {
    readonly path: string;
    readonly action: string;
    readonly target?: string;
    readonly exec?: Hook;
    readonly include?: readonly string[];
    readonly ignore?: readonly string[];
    readonly initial_sync?: boolean;
  }[];
}

export interface DeviceMapping {
  readonly source: string;
  readonly target: string;
  /** Absent if a mapping omits it; the engine then gets `rwm`. */
  readonly permissions?: string;
}

export interface DeviceRequest {
  readonly capabilities?: readonly string[];
  readonly driver?: string;
  /** -1 means all. */
  readonly count?: number;
  readonly device_ids?: readonly string[];
  readonly options?: StringMap;
}

export interface EnvFile {
  readonly path: string;
  readonly required?: boolean;
  readonly format?: string;
}

/** A service's reference to a secret or config. */
export interface FileReference {
  readonly source: string;
  readonly target?: string;
  readonly uid?: string;
  readonly gid?: string;
  /** Four octal digits. */
  readonly mode?: string;
}

export interface Healthcheck {
  readonly test?: readonly string[];
  readonly timeout?: string;
  readonly interval?: string;
  readonly retries?: number;
  readonly start_period?: string;
  readonly start_interval?: string;
  readonly disable?: boolean;
}

export interface Logging {
  readonly driver?: string;
  readonly options?: StringMap;
}

export interface ModelReference {
  readonly endpoint_var?: string;
  readonly model_var?: string;
}

export interface NetworkAttachment {
  readonly priority?: number;
  readonly gw_priority?: number;
  readonly aliases?: readonly string[];
  readonly interface_name?: string;
  readonly ipv4_address?: string;
  readonly ipv6_address?: string;
  readonly link_local_ips?: readonly string[];
  readonly mac_address?: string;
  readonly driver_opts?: StringMap;
}

export interface Port {
  readonly name?: string;
  readonly mode?: string;
  readonly host_ip?: string;
  readonly target: number;
  /** A port, or a range (`6000-6002`) of which the engine chooses one; absent for any free port. */
  readonly published?: string;
  readonly protocol: string;
  readonly app_protocol?: string;
}

export interface Hook {
  readonly command: readonly string[] | null;
  readonly user?: string;
  readonly privileged?: boolean;
  readonly working_dir?: string;
  readonly environment?: NullableStringMap;
}

export interface Provider {
  readonly type: string;
  readonly options?: Readonly<Record<string, readonly string[]>>;
}

export interface Mount {
  readonly type: string;
  /** A volume's key, an absolute path, an image, or absent (anonymous volume, tmpfs). */
  readonly source?: string;
  readonly target: string;
  readonly read_only?: boolean;
  readonly consistency?: string;
  readonly bind?: {
    readonly propagation?: string;
    readonly create_host_path?: boolean;
    readonly recursive?: string;
    readonly selinux?: string;
  };
  readonly volume?: {
    readonly labels?: StringMap;
    readonly nocopy?: boolean;
    readonly subpath?: string;
  };
  readonly tmpfs?: { readonly size?: string; readonly mode?: number };
  readonly image?: { readonly subpath?: string };
}
