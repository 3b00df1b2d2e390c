import type { Service, ServiceSpec, UpdateConfig, UpdateStatus } from './service.js';
import { taskHashOf } from './spec-hash.js';

/** How the change that a service is in, or was in last, stands; undefined once it was changed again. */
export function updateOf(service: Service): UpdateStatus | undefined {
  const { updateStatus } = service;
  return updateStatus?.taskHash === service.taskHash ? updateStatus : undefined;
}

/** Whether the present spec has proved itself: no change of it is under way or was given up. */
export function hasStood(service: Service): boolean {
  const { updateStatus } = service;
  return updateStatus === undefined || updateStatus.state === 'completed';
}

const words = {
  ahead: { running: 'updating', paused: 'paused', completed: 'completed' },
  back: {
    running: 'rollback_started',
    paused: 'rollback_paused',
    completed: 'rollback_completed',
  },
} as const;

/** In docker's words (`UpdateStatus.State` of a service): `updating`, `rollback_completed`. */
export function updateWord(status: UpdateStatus | undefined): string | undefined {
  if (status === undefined) return undefined;
  return words[status.kind === 'rollback' ? 'back' : 'ahead'][status.state];
}

/** How slots are brought to the present spec; undefined: the file says nothing of it. */
export function updateConfigOf(service: Service): UpdateConfig | undefined {
  const { update, rollback } = service.spec;
  return updateOf(service)?.kind === 'rollback' ? rollback : update;
}

/** What a spec needs besides itself. */
export interface Reference {
  readonly kind: 'network' | 'volume' | 'secret' | 'config';
  readonly name: string;
}

export function referencesOf({ task }: ServiceSpec): readonly Reference[] {
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
 * The spec to go back to. How many replicas there are, and whether they are to run, is said by `scale`, `stop`
 * and `start`: going back does not undo these.
 */
function formerSpec({ spec, previousSpec }: Service): ServiceSpec | undefined {
  if (previousSpec === undefined) return undefined;
  const { held: _held, ...former } = previousSpec;
  const scales = former.mode.kind === 'replicated' && spec.mode.kind === 'replicated';
  return {
    ...former,
    mode: scales ? { ...former.mode, ...replicasOf(spec) } : former.mode,
    halted: spec.halted,
    ...(spec.held === undefined ? {} : { held: spec.held }),
  };
}

function replicasOf({ mode }: ServiceSpec): { readonly replicas: number } | undefined {
  return mode.kind === 'replicated' ? { replicas: mode.replicas } : undefined;
}

/**
 * The service with the spec before. What is left behind can be gone back to in turn if it had stood; undefined
 * when there is none before.
 */
export function rolledBack(
  service: Service,
  how: { readonly now: number; readonly message: string },
): Service | undefined {
  const spec = formerSpec(service);
  if (spec === undefined) return undefined;
  const { previousSpec: _former, previousForceUpdate, ...rest } = service;
  const forceUpdate = previousForceUpdate ?? service.forceUpdate;
  const taskHash = taskHashOf(spec, forceUpdate);
  return {
    ...rest,
    spec,
    forceUpdate,
    taskHash,
    ...(hasStood(service) ? asFormer(service) : {}),
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

/** What has to be kept of a service to go back to it. */
export function asFormer(
  service: Service,
): Required<Pick<Service, 'previousSpec' | 'previousForceUpdate'>> {
  return { previousSpec: service.spec, previousForceUpdate: service.forceUpdate };
}

/** The same spec with new tasks. */
export function rolled(service: Service, now: number): Service {
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
      message: 'new tasks were asked for',
      failed: [],
    },
  };
}
