import { bytesText } from '../../base/bytes-text.js';
import type { TaskSpec } from '../service.js';

/** Limits of what the containers and volumes of a project may use; an absent one is unlimited. */
export interface ProjectQuota {
  readonly nanoCpus?: number;
  readonly memoryBytes?: number;
  readonly containers?: number;
  /** Published ports. */
  readonly ports?: number;
  /** Named volumes. */
  readonly volumes?: number;
}

export const quotaKeys = ['nanoCpus', 'memoryBytes', 'containers', 'ports', 'volumes'] as const;
type QuotaKey = (typeof quotaKeys)[number];

/** Usage of a project: the sum of its containers' limits, and its named volumes. */
export type ProjectUsage = Readonly<Record<QuotaKey, number>>;

export const noUsage: ProjectUsage = {
  ...{ nanoCpus: 0, memoryBytes: 0, containers: 0, ports: 0, volumes: 0 },
};

/**
 * Share of one task in its project's quota: the limits of CPU and memory, or else the
 * reservations; 0 without either.
 */
export function usageOf({ resources, ports }: TaskSpec): ProjectUsage {
  const { limits, reservations } = resources;
  return {
    nanoCpus: limits.nanoCpus ?? reservations.nanoCpus,
    memoryBytes: limits.memoryBytes ?? reservations.memoryBytes,
    containers: 1,
    ports: ports.length,
    volumes: 0,
  };
}

export function addUsage(a: ProjectUsage, b: ProjectUsage, factor: 1 | -1 = 1): ProjectUsage {
  return {
    nanoCpus: a.nanoCpus + factor * b.nanoCpus,
    memoryBytes: a.memoryBytes + factor * b.memoryBytes,
    containers: a.containers + factor * b.containers,
    ports: a.ports + factor * b.ports,
    volumes: a.volumes + factor * b.volumes,
  };
}

/** Why a request does not fit into a quota. */
export interface QuotaShortage {
  /** The limits that the request exceeds, with their numbers: `cpus (requested 1, used 3, limit 3)`. */
  readonly exceeded: readonly string[];
  /** Limited resources of which the container has neither a limit nor a reservation. */
  readonly unlimited: readonly string[];
}

const names: Readonly<Record<QuotaKey, string>> = {
  nanoCpus: 'cpus',
  memoryBytes: 'memory',
  containers: 'containers',
  ports: 'ports',
  volumes: 'volumes',
};

/** Undefined if the request fits into what the quota leaves. */
export function shortageOf(
  quota: ProjectQuota,
  used: ProjectUsage,
  request: ProjectUsage,
): QuotaShortage | undefined {
  const unlimited = (['nanoCpus', 'memoryBytes'] as const)
    .filter((key) => quota[key] !== undefined && request[key] === 0 && request.containers > 0)
    .map((key) => names[key]);
  const exceeded = quotaKeys.flatMap((key) => {
    const limit = quota[key];
    if (limit === undefined || request[key] === 0 || used[key] + request[key] <= limit) return [];
    const [wanted, taken, most] = [request[key], used[key], limit].map((value) => show(key, value));
    return [`${names[key]} (requested ${wanted ?? ''}, used ${taken ?? ''}, limit ${most ?? ''})`];
  });
  return unlimited.length + exceeded.length === 0 ? undefined : { exceeded, unlimited };
}

/** Formats an amount of a resource: CPUs as a number, memory in units of 1024. */
function show(key: QuotaKey, value: number): string {
  if (key === 'nanoCpus') return String(value / 1e9);
  return key === 'memoryBytes' ? bytesText(value) : String(value);
}

/** The shortage in one line, and the remedy. */
export function describeShortage(
  project: string,
  { exceeded, unlimited }: QuotaShortage,
): { readonly summary: string; readonly remedy: string } {
  if (unlimited.length > 0) {
    const what = unlimited.join(' and ');
    return {
      summary: `quota of project ${project} limits ${what}, and the container has no limit of its own`,
      remedy: `set a limit or reservation of ${what}, such as deploy.resources.limits`,
    };
  }
  return {
    summary: `quota of project ${project} is exceeded: ${exceeded.join(', ')}`,
    remedy: `remove containers or volumes of the project, or ask an admin for "shoal project quota ${project}"`,
  };
}
