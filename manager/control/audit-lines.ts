import type { StoreChange } from '../store/store.js';

const objectNames = {
  nodes: 'node',
  services: 'service',
  networks: 'network',
  volumes: 'volume',
  secrets: 'secret',
  configs: 'config',
} as const;

type AuditedChange = Extract<StoreChange, { table: keyof typeof objectNames }>;

function isAudited(change: StoreChange): change is AuditedChange {
  return Object.hasOwn(objectNames, change.table);
}

/**
 * One audit line for a change to one object. It names the changed fields, never their values.
 * Undefined for internal changes: tasks, leases, states.
 */
export function describeChange(change: StoreChange): string | undefined {
  if (change.table === 'cluster') {
    return change.before === undefined ? undefined : `cluster: ${differing(change).join(', ')}`;
  }
  if (change.table === 'projects') {
    const settings = differing(change).filter((key) => !metaFields.has(key));
    return settings.length === 0 ? undefined : `project ${change.id}: ${settings.join(', ')}`;
  }
  if (!isAudited(change)) return undefined;
  const { table, before, after } = change;
  const object = after ?? before;
  if (object === undefined) return undefined;
  const label = `${objectNames[table]} ${object.spec.name}`;
  if (before === undefined) return `created ${label}`;
  if (after === undefined) return `removed ${label}`;
  if ('removing' in after && after.removing && 'removing' in before && !before.removing) {
    return `removed ${label}`;
  }
  const fields = differing({ before: before.spec, after: after.spec }, 'spec.');
  const rest = differing(change).filter((key) => !ignoredFields.has(key));
  const all = [...fields.map((field) => withNumbers(change, field)), ...rest];
  return all.length === 0 ? undefined : `${label}: ${all.join(', ')}`;
}

const metaFields: ReadonlySet<string> = new Set(['id', 'version', 'createdAt', 'updatedAt']);

/** Fields derived from the spec or observed by the system. */
const ignoredFields = new Set([
  'spec',
  'version',
  'updatedAt',
  'status',
  'description',
  'taskHash',
  'previousSpec',
  'previousForceUpdate',
  'updateStatus',
]);

function differing(
  { before, after }: { readonly before?: object | undefined; readonly after?: object | undefined },
  prefix = '',
): readonly string[] {
  const old = (before ?? {}) as Readonly<Record<string, unknown>>;
  const now = (after ?? {}) as Readonly<Record<string, unknown>>;
  const keys = [...new Set([...Object.keys(old), ...Object.keys(now)])].sort();
  return keys
    .filter((key) => old[key] !== now[key] && JSON.stringify(old[key]) !== JSON.stringify(now[key]))
    .map((key) => prefix + key);
}

/** For `spec.mode` of a service, the old and new number of replicas; else only the field name. */
function withNumbers({ table, before, after }: AuditedChange, field: string): string {
  if (table !== 'services' || field !== 'spec.mode') return field;
  const count = (service: typeof before): string => {
    const mode = service?.spec.mode;
    return mode?.kind === 'replicated' ? String(mode.replicas) : (mode?.kind ?? '');
  };
  return `replicas ${count(before)} → ${count(after)}`;
}
