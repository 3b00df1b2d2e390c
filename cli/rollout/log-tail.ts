import type { Task } from '../../manager/common/model/task.js';
import type { TaskLogLine } from '../../manager/common/protocol/control.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { streamLogs } from '../client/stream.js';
import type { WatchedState } from '../client/watched.js';
import { oneLine } from '../output/table.js';

/** Limits of the output: the cause is usually at the end of the first log. */
const shownLines = 10;
const shownTasks = 3;
const deadlineMs = 5_000;

/** The newest failed task of each slot, newest first, for showing their logs. Pure. */
export function failedTasks(
  { services }: { readonly services: readonly string[] },
  state: WatchedState,
): readonly Task[] {
  const slots = new Map<string, Task>();
  const all = [...state.tasks.values()].sort((a, b) => b.createdAt - a.createdAt);
  for (const task of all) {
    const key = `${task.service}/${task.slot}`;
    if (!services.includes(task.service) || slots.has(key) || !hasFailed(task)) continue;
    slots.set(key, task);
  }
  return [...slots.values()].slice(0, shownTasks);
}

function hasFailed({ status }: Task): boolean {
  if (status.containerId === undefined) return false;
  if (status.state === 'failed') return true;
  if (status.health === 'unhealthy') return true;
  const isRestarting = status.state === 'running' && status.startedAt === undefined;
  return isRestarting || (status.state === 'complete' && (status.exitCode ?? 0) !== 0);
}

/**
 * Prints the last log lines of the tasks below the progress. Never throws: the caller reports the
 * failure itself.
 */
export async function showLogTail(
  cli: Cli,
  { client, project }: { readonly client: ControlClient; readonly project: string },
  tasks: readonly Task[],
): Promise<void> {
  if (cli.options.progress === 'quiet') return;
  for (const task of tasks) {
    const lines = await lastLines(client, project, task).catch(() => []);
    if (lines.length === 0) continue;
    const texts = lines.map(({ text }) => oneLine(text));
    cli.stderr.write(
      cli.options.progress === 'json'
        ? `${JSON.stringify({ id: `Container ${task.containerName}`, status: 'Error', logs: texts })}\n`
        : `last lines of ${task.containerName}:\n${texts.map((text) => `  | ${text}\n`).join('')}`,
    );
  }
}

async function lastLines(
  client: ControlClient,
  project: string,
  task: Task,
): Promise<readonly TaskLogLine[]> {
  const found: TaskLogLine[] = [];
  const args = {
    project,
    services: [task.service],
    index: task.slot,
    options: { follow: false, tail: shownLines },
  };
  for await (const lines of streamLogs(client, args, AbortSignal.timeout(deadlineMs))) {
    found.push(...lines);
  }
  return found.filter(({ taskId }) => taskId === task.id).slice(-shownLines);
}
