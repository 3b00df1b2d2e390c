import type { StoreChange } from '../store/store.js';

const words = {
  nodes: 'node',
  services: 'service',
  networks: 'network',
  volumes: 'volume',
  secrets: 'secret',
  configs: 'config',
} as const;

type Told = Extract<StoreChange, { table: keyof typeof words }>;

function isTold(change: StoreChange): change is Told {
  return Object.hasOwn(words, change.table);
}

/**
 * One line of what was done to one object, naming fields, never their contents. Undefined for what is the
 * cluster's own business: tasks, leases, states.
 */
export function describeChange(change: StoreChange): string | undefined {
  if (change.table === 'cluster') {
    return change.before === undefined ? undefined : `cluster: ${differing(change).join(', ')}`;
  }
  if (!isTold(change)) return undefined;
  const { table, before, after } = change;
  const object = after ?? before;
  if (object === undefined) return undefined;
  const what = `${words[table]} ${object.spec.name}`;
  if (before === undefined) return `created ${what}`;
  if (after === undefined) return `removed ${what}`;
  if ('removing' in after && after.removing && 'removing' in before && !before.removing) {
    return `removed ${what}`;
  }
  const fields = differing({ before: before.spec, after: after.spec }, 'spec.');
  const others = differing(change).filter((key) => !unsaid.has(key));
  const all = [...fields.map((field) => withNumbers(change, field)), ...others];
  return all.length === 0 ? undefined : `${what}: ${all.join(', ')}`;
}

/** Follow from the spec, or are what was seen. */
const unsaid = new Set([
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

/** `spec.mode` says how many replicas; of all else only that it changed. */
function withNumbers({ table, before, after }: Told, field: string): string {
  if (table !== 'services' || field !== 'spec.mode') return field;
  const count = (service: typeof before): string => {
    const mode = service?.spec.mode;
    return mode?.kind === 'replicated' ? String(mode.replicas) : (mode?.kind ?? '');
  };
  return `replicas ${count(before)} → ${count(after)}`;
}
