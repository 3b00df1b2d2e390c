import type { Service, ServiceSpec, UpdateConfig, UpdateStatus } from './service.js';
import { taskHashOf } from './spec-hash.js';

/** Status of a service's last update; undefined if the service has changed since. */
export function currentUpdate(service: Service): UpdateStatus | undefined {
  const { updateStatus } = service;
  return updateStatus?.taskHash === service.taskHash ? updateStatus : undefined;
}

/** Whether the current spec is stable: no update to it is running or paused. */
export function isStable(service: Service): boolean {
  const { updateStatus } = service;
  return updateStatus === undefined || updateStatus.state === 'completed';
}

const updateStates = {
  forward: { running: 'updating', paused: 'paused', completed: 'completed' },
  back: {
    running: 'rollback_started',
    paused: 'rollback_paused',
    completed: 'rollback_completed',
  },
} as const;

/** Docker's `UpdateStatus.State` of a service: `updating`, `rollback_completed`. */
export function dockerUpdateState(status: UpdateStatus | undefined): string | undefined {
  if (status === undefined) return undefined;
  return updateStates[status.kind === 'rollback' ? 'back' : 'forward'][status.state];
}

/** `update_config`, or `rollback_config` during a rollback; undefined if the spec has none. */
export function updateConfigOf(service: Service): UpdateConfig | undefined {
  const { update, rollback } = service.spec;
  return currentUpdate(service)?.kind === 'rollback' ? rollback : update;
}

/** A network, volume, secret or config that a spec refers to. */
export interface SpecReference {
  readonly kind: 'network' | 'volume' | 'secret' | 'config';
  readonly name: string;
}

export function referencesOf({ task }: ServiceSpec): readonly SpecReference[] {
  return [
    ...task.networks.map(({ network }) => ({ kind: 'network', name: network }) as const),
    ...task.container.mounts.flatMap((mount) =>
      mount.type === 'volume' && mount.source !== undefined
        ? [{ kind: 'volume', name: mount.source } as const]
        : [],
    ),
    ...task.container.files.map(({ kind, source }) => ({ kind, name: source })),
  ];
}

/**
 * The spec that a rollback restores. Keeps the current replicas, `halted` and `held`: a rollback
 * does not undo `scale`, `stop` and `start`.
 */
function rollbackSpec({ spec, previousSpec }: Service): ServiceSpec | undefined {
  if (previousSpec === undefined) return undefined;
  const { held: _held, ...previous } = previousSpec;
  const isReplicated = previous.mode.kind === 'replicated' && spec.mode.kind === 'replicated';
  return {
    ...previous,
    mode: isReplicated ? { ...previous.mode, ...replicasOf(spec) } : previous.mode,
    halted: spec.halted,
    ...(spec.held === undefined ? {} : { held: spec.held }),
  };
}

function replicasOf({ mode }: ServiceSpec): { readonly replicas: number } | undefined {
  return mode.kind === 'replicated' ? { replicas: mode.replicas } : undefined;
}

/**
 * Returns the service with its previous spec restored; undefined if there is none. The replaced
 * spec becomes the previous one if it was stable.
 */
export function rolledBack(
  service: Service,
  how: { readonly now: number; readonly message: string },
): Service | undefined {
  const spec = rollbackSpec(service);
  if (spec === undefined) return undefined;
  const { previousSpec: _former, previousForceUpdate, ...rest } = service;
  const forceUpdate = previousForceUpdate ?? service.forceUpdate;
  const taskHash = taskHashOf(spec, forceUpdate);
  return {
    ...rest,
    spec,
    forceUpdate,
    taskHash,
    ...(isStable(service) ? asPreviousSpec(service) : {}),
    updateStatus: {
      kind: 'rollback',
      state: 'running',
      taskHash,
      startedAt: how.now,
      message: how.message,
      failed: [],
    },
  };
}

/** Fields to store with a new spec, so that a rollback can restore this one. */
export function asPreviousSpec(
  service: Service,
): Required<Pick<Service, 'previousSpec' | 'previousForceUpdate'>> {
  return { previousSpec: service.spec, previousForceUpdate: service.forceUpdate };
}

/** Returns the service with a new `taskHash` for the same spec, which replaces all tasks. */
export function withNewTasks(service: Service, now: number): Service {
  const forceUpdate = service.forceUpdate + 1;
  const taskHash = taskHashOf(service.spec, forceUpdate);
  return {
    ...service,
    forceUpdate,
    taskHash,
    updateStatus: {
      kind: 'roll',
      state: 'running',
      taskHash,
      startedAt: now,
      message: 'new tasks were requested',
      failed: [],
    },
  };
}
