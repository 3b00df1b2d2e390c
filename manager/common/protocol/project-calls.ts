import type { NetworkSpec, VolumeSpec } from '../model/network.js';
import type { DataSpec } from '../model/secret.js';
import type { ServiceSpec } from '../model/service.js';
import type { PolicyChange, ProjectPolicy } from '../model/trust/project-policy.js';
import type { ProjectQuota, ProjectUsage } from '../model/trust/project-quota.js';
import type { ForeignContainer } from './worker-calls.js';

/** A secret or config to store; `data` is base64. */
export interface DataInput {
  readonly spec: DataSpec;
  readonly data: string;
}

/** A Compose project as specs of the cluster. */
export interface ProjectSpecs {
  readonly project: string;
  /** Sorted so that each service follows its dependencies. */
  readonly services: readonly ServiceSpec[];
  readonly networks: readonly NetworkSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly secrets: readonly DataInput[];
  readonly configs: readonly DataInput[];
  /** Names of networks that must already exist. */
  readonly externalNetworks: readonly string[];
  readonly externalVolumes: readonly string[];
  /**
   * Compose keys of all services in the files, inactive profiles included; other services of the
   * project are orphans.
   */
  readonly known: readonly string[];
}

/** Request of `up`: a whole project, or some of its services. */
export interface ProjectApply extends ProjectSpecs {
  readonly removeOrphans: boolean;
  /** Compose keys of services whose tasks are recreated even if unchanged. */
  readonly forceRecreate: readonly string[];
  /** Compose keys of services whose tasks are recreated with new anonymous volumes. */
  readonly renewVolumes: readonly string[];
  /** Compose keys of services without a replica count in the file: keep the one set by `scale`. */
  readonly keepReplicas: readonly string[];
  /** Reports the changes without applying them. */
  readonly dryRun: boolean;
  /** Stop timeout for replaced and removed containers, overriding `stop_grace_period`. */
  readonly timeoutMs?: number;
}

/** One change that was applied, or would be applied with `dryRun`. */
export interface AppliedChange {
  readonly kind: 'network' | 'volume' | 'secret' | 'config' | 'service';
  readonly name: string;
  readonly action: 'created' | 'updated' | 'unchanged' | 'removed' | 'started';
  readonly cause: string;
}

/** One step of a dry run: a container operation that would follow. */
export interface PlannedStep {
  readonly action: 'stop' | 'create' | 'start' | 'remove';
  readonly container: string;
  /** Node name; empty if the container has no node. */
  readonly node: string;
  readonly cause: string;
  /** Reason why this node, or no node, was chosen. */
  readonly placement?: string;
}

export interface ProjectApplyResult {
  readonly changes: readonly AppliedChange[];
  /** With `dryRun`: the container operations that would follow, in order. */
  readonly steps?: readonly PlannedStep[];
  /** Services of the project that are missing from the file. */
  readonly orphans: readonly string[];
}

/** Settings of a project that admins make. */
export interface ProjectSettings {
  readonly project: string;
  readonly policy: ProjectPolicy;
  readonly quota: ProjectQuota;
  readonly used: ProjectUsage;
}

/** Client calls about the settings of projects. */
export interface ProjectSettingsCallMap {
  /** Settings of one project, or of all projects that have settings and that the client may see. */
  'project.settings': {
    args: { readonly project?: string };
    result: readonly ProjectSettings[];
  };
  /** Adds rights to a project's policy and takes rights away; `reset` starts without any. */
  'project.set-policy': {
    args: {
      readonly project: string;
      readonly reset?: boolean;
      readonly allow?: PolicyChange;
      readonly deny?: PolicyChange;
    };
    result: ProjectSettings;
  };
  /** Sets limits of a project; null lifts one, `reset` lifts all of them first. */
  'project.set-quota': {
    args: {
      readonly project: string;
      readonly reset?: boolean;
      readonly limits?: Readonly<Partial<Record<keyof ProjectQuota, number | null>>>;
    };
    result: ProjectSettings;
  };
}

/** Client calls about one project. */
export interface ProjectCallMap extends ProjectSettingsCallMap {
  'project.apply': { args: ProjectApply; result: ProjectApplyResult };
  /** `down`. Marks all objects of the project for removal; watch the project until it is empty. */
  'project.remove': {
    args: {
      readonly project: string;
      readonly volumes: boolean;
      readonly services?: readonly string[];
      /** Stop timeout, overriding the container's own. */
      readonly timeoutMs?: number;
    };
    result: ProjectApplyResult;
  };
  'project.list': {
    args: Record<string, never>;
    result: readonly {
      readonly name: string;
      readonly services: number;
      readonly running: number;
    }[];
  };
  /** Containers of the project that another tool created on the nodes' engines. */
  'project.others': {
    args: { readonly project: string };
    result: readonly (ForeignContainer & { readonly node: string })[];
  };
  /** Removes the containers another tool created from `configFiles`, to free their names. */
  'project.take-over': {
    args: { readonly project: string; readonly configFiles: string };
    result: null;
  };
}
