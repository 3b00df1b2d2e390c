import type { Meta } from '../meta.js';
import type { ProjectQuota } from './project-quota.js';

/** Rights over machines that clients with the role `deploy` may request for a project. */
export interface ProjectPolicy {
  /** Privileged containers, hooks and commands; includes capabilities, devices and security options. */
  readonly privileged: boolean;
  /** Network, PID, IPC, UTS, user and cgroup namespace of the machine. */
  readonly hostNamespaces: boolean;
  /** The engine's socket, and bind mounts of folders that contain it. */
  readonly engineSocket: boolean;
  /** Normalised absolute paths; each includes everything below it. Sorted. */
  readonly bindPaths: readonly string[];
  /** Names without `CAP_`, in capitals; `ALL` for all of them. Sorted. */
  readonly capabilities: readonly string[];
}

/** Settings of a project that admins make. The id is the project's name. */
export interface ProjectRecord extends Meta {
  readonly id: string;
  readonly policy?: ProjectPolicy;
  readonly quota?: ProjectQuota;
}

/** Policy of a project without settings: deployers get no right over machines. */
export const closedPolicy: ProjectPolicy = {
  privileged: false,
  hostNamespaces: false,
  engineSocket: false,
  bindPaths: [],
  capabilities: [],
};

/** One right that a policy can allow. */
export type PolicyRight =
  | { readonly kind: 'privileged' | 'host-namespaces' | 'engine-socket' }
  | { readonly kind: 'bind'; readonly path: string }
  | { readonly kind: 'capability'; readonly name: string };

/** Normalises an absolute path of a Linux machine by its text; undefined for any other path. */
export function normalizePath(path: string): string | undefined {
  if (!path.startsWith('/') || path.includes('\0')) return undefined;
  const segments: string[] = [];
  for (const segment of path.split('/')) {
    if (segment === '..') segments.pop();
    else if (segment !== '' && segment !== '.') segments.push(segment);
  }
  return `/${segments.join('/')}`;
}

/** True if `path` is `folder` or below it; both are normalised. */
export function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`);
}

/** `cap_net_admin` as `NET_ADMIN`. */
export function normalizeCapability(name: string): string {
  return name.toUpperCase().replace(/^CAP_/u, '');
}

export function allows(policy: ProjectPolicy, right: PolicyRight): boolean {
  switch (right.kind) {
    case 'privileged':
      return policy.privileged;
    case 'host-namespaces':
      return policy.hostNamespaces;
    case 'engine-socket':
      return policy.engineSocket;
    case 'bind':
      return policy.bindPaths.some((folder) => isWithin(right.path, folder));
    case 'capability':
      return (
        policy.privileged ||
        policy.capabilities.includes('ALL') ||
        policy.capabilities.includes(right.name)
      );
  }
}

/** Rights to add to a policy or to take from it. */
export type PolicyChange = Partial<ProjectPolicy>;

/** The policy with the rights of `allow`, without those of `deny`. */
export function changePolicy(
  policy: ProjectPolicy,
  allow: PolicyChange,
  deny: PolicyChange,
): ProjectPolicy {
  const flag = (key: 'privileged' | 'hostNamespaces' | 'engineSocket'): boolean =>
    (policy[key] || allow[key] === true) && deny[key] !== true;
  const list = (key: 'bindPaths' | 'capabilities'): readonly string[] => {
    const denied = new Set(deny[key]);
    const all = new Set([...policy[key], ...(allow[key] ?? [])]);
    return [...all].filter((item) => !denied.has(item)).sort();
  };
  return {
    privileged: flag('privileged'),
    hostNamespaces: flag('hostNamespaces'),
    engineSocket: flag('engineSocket'),
    bindPaths: list('bindPaths'),
    capabilities: list('capabilities'),
  };
}
