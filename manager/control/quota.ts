import { AppError } from '../common/base/errors.js';
import type { TaskSpec } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import type { ProjectUsage } from '../common/model/trust/project-quota.js';
import {
  addUsage,
  describeShortage,
  noUsage,
  shortageOf,
  usageOf,
} from '../common/model/trust/project-quota.js';
import { usesQuota } from '../store/indexes/project-usage.js';
import type { StoreView } from '../store/store.js';

function requireQuota(
  view: StoreView,
  {
    what,
    project,
    used,
  }: { readonly what: string; readonly project: string; readonly used: ProjectUsage },
  request: ProjectUsage,
): void {
  const quota = view.get('projects', project)?.quota;
  const shortage = quota && shortageOf(quota, used, request);
  if (shortage === undefined) return;
  const { summary, remedy } = describeShortage(project, shortage);
  throw new AppError('conflict', `${what}: ${summary}; ${remedy}`);
}

/** Throws `conflict` if the quota of the project has no room for one more named volume. */
export function requireVolumeQuota(view: StoreView, name: string, project: string): void {
  const used = view.usageOfProject(project).total;
  requireQuota(view, { what: `volume ${name}`, project, used }, { ...noUsage, volumes: 1 });
}

/** Throws `conflict` if a container in use is to get more resources than its project's quota has. */
export function requireUpdateQuota(view: StoreView, task: Task, spec: TaskSpec): void {
  if (!usesQuota(task)) return;
  const { project, containerName } = task;
  const [before, after] = [usageOf(task.spec), usageOf(spec)];
  const used = addUsage(view.usageOfProject(project).total, before, -1);
  const grown = {
    ...after,
    nanoCpus: after.nanoCpus > before.nanoCpus ? after.nanoCpus : 0,
    memoryBytes: after.memoryBytes > before.memoryBytes ? after.memoryBytes : 0,
    ...{ containers: 0, ports: 0 },
  };
  requireQuota(view, { what: `container ${containerName}`, project, used }, grown);
}
