import type { Task } from '../../../../manager/common/model/task.js';

/** Why a task is or is not placed. */
export function explanationLines({ explanation }: Task): readonly string[] {
  if (explanation === undefined) return [];
  return [
    explanation.summary,
    ...explanation.reasons.filter((reason) => reason !== explanation.summary),
  ];
}

/** Order by slot. */
export function bySlot(a: Task, b: Task): number {
  return a.slot - b.slot || b.createdAt - a.createdAt;
}
