import { AppError, messageOf } from '../../common/base/errors.js';
import type { PlacedTask } from '../../common/model/running-task.js';
import type { Transaction } from '../../store/store.js';
import { restartEndedTasks } from '../apply-service.js';
import type { Args } from '../args.js';
import type { Selection } from '../find.js';
import { findSelected } from '../find.js';
import { setStopTimeout } from '../stop-timeout.js';

/** Stops or starts services. */
export function halt(
  tx: Transaction,
  selection: Selection,
  halted: boolean,
  timeoutMs?: number,
): void {
  for (const service of findSelected(tx, selection)) {
    if (halted) setStopTimeout(tx, service, timeoutMs);
    else restartEndedTasks({ tx, view: tx }, service);
    const { held, ...spec } = service.spec;
    if (spec.halted === halted && held !== true) continue;
    tx.put('services', { ...service, spec: { ...spec, halted } });
  }
}

/** Runs `act` for all tasks in parallel, then throws one `unavailable` that lists all failures. */
export async function forEachTask(
  tasks: readonly PlacedTask[],
  verb: string,
  act: (task: PlacedTask) => Promise<unknown>,
): Promise<void> {
  const results = await Promise.allSettled(tasks.map((task) => act(task)));
  const failures = results.flatMap((result, index) =>
    result.status === 'rejected'
      ? [`${tasks[index]?.containerName ?? ''}: ${messageOf(result.reason)}`]
      : [],
  );
  if (failures.length === 0) return;
  throw new AppError('unavailable', `cannot ${verb} ${failures.join('; ')}`);
}

/** Keeps the tasks named in `taskIds`; all of them if none is named. */
export function selectTasks(args: Args, tasks: readonly PlacedTask[]): readonly PlacedTask[] {
  const wanted = args.texts('taskIds');
  return wanted.length === 0 ? tasks : tasks.filter(({ id }) => wanted.includes(id));
}
