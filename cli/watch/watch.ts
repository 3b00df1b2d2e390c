import { messageOf } from '../../manager/common/base/errors.js';
import type { ControlClient } from '../client/client.js';
import type { ServiceContainers } from './containers.js';
import { execIn, syncInto } from './containers.js';
import { Hints } from './hints.js';
import type { WatchRule } from './rules.js';
import type { TreeChange, TreeMarks } from './tree.js';
import { diffMarks, readMarks } from './tree.js';

export interface Watching {
  readonly client: ControlClient;
  readonly project: string;
  readonly rules: readonly WatchRule[];
  /** Builds the services anew and brings them up. */
  readonly rebuild: (services: readonly string[]) => Promise<void>;
  /** One line for the user. */
  readonly say: (line: string) => void;
  readonly signal: AbortSignal;
}

/** Stop grace of every container and its start, with room. */
const restartMs = 300_000;

interface Seen {
  readonly rule: WatchRule;
  /** What the containers have. */
  marks: TreeMarks;
}

interface Due {
  readonly seen: Seen;
  readonly now: TreeMarks;
  readonly change: TreeChange;
}

/**
 * Looks at the watched paths whenever there is a hint that they have changed and does what their rules say,
 * until aborted. What changes while something is done is found by the next look: nothing has to be queued,
 * and what failed to arrive in a container is sent again.
 */
export async function watchFiles(watching: Watching): Promise<void> {
  const { rules, signal, say } = watching;
  const hints = new Hints(rules.map(({ path }) => path));
  try {
    const all: Seen[] = [];
    for (const rule of rules) all.push({ rule, marks: await firstMarks(rule) });
    say('Watch enabled');
    while (!signal.aborted) {
      await look(watching, all);
      await hints.next(signal);
    }
  } finally {
    hints.close();
  }
}

/** What containers have that are made of the files as they are now. */
async function firstMarks(rule: WatchRule): Promise<TreeMarks> {
  return rule.initialSync && rule.action.startsWith('sync') ? new Map() : readMarks(rule);
}

async function look(watching: Watching, all: readonly Seen[]): Promise<void> {
  const due: Due[] = [];
  for (const seen of all) {
    const now = await readMarks(seen.rule);
    const change = diffMarks(seen.marks, now);
    if (change.changed.length + change.removed.length > 0) due.push({ seen, now, change });
  }
  const rebuilt = new Set(
    due.filter(({ seen }) => seen.rule.action === 'rebuild').map(({ seen }) => seen.rule.service),
  );
  if (rebuilt.size > 0) await rebuild(watching, [...rebuilt]);
  // New containers have what is in their image.
  for (const seen of all) {
    if (rebuilt.has(seen.rule.service)) seen.marks = await firstMarks(seen.rule);
  }
  const services = new Set(due.map(({ seen }) => seen.rule.service));
  for (const service of services) {
    if (rebuilt.has(service) || watching.signal.aborted) continue;
    await bringUpToDate(
      watching,
      service,
      due.filter(({ seen }) => seen.rule.service === service),
    );
  }
}

async function rebuild(watching: Watching, services: readonly string[]): Promise<void> {
  const names = services.map((name) => `"${name}"`).join(' ');
  watching.say(`Rebuilding service(s) [${names}] after changes were detected...`);
  try {
    await watching.rebuild(services);
    watching.say(`service(s) [${names}] successfully built`);
  } catch (error) {
    // The next change may repair it.
    if (!watching.signal.aborted)
      watching.say(`Failed to rebuild service(s) [${names}]: ${messageOf(error)}`);
  }
}

async function bringUpToDate(
  watching: Watching,
  service: string,
  due: readonly Due[],
): Promise<void> {
  const { client, project, signal, say } = watching;
  const of: ServiceContainers = { client, project, service, signal };
  const count = due.reduce(
    (sum, { change }) => sum + change.changed.length + change.removed.length,
    0,
  );
  try {
    say(`Syncing service "${service}" after ${String(count)} changes were detected`);
    for (const { seen, change } of due) {
      if (seen.rule.action.startsWith('sync')) await syncInto(of, seen.rule, change);
    }
    for (const { seen } of due) {
      if (seen.rule.action === 'sync+exec' && seen.rule.exec) await execIn(of, seen.rule.exec);
    }
    if (due.some(({ seen: { rule } }) => rule.action.endsWith('restart'))) {
      const args = { project, services: [service], noDependents: true };
      await client.call('service.restart', args, {
        signal: AbortSignal.any([signal]),
        timeoutMs: restartMs,
      });
      say(`service(s) ["${service}"] restarted`);
    }
    for (const { seen, now } of due) seen.marks = now;
  } catch (error) {
    if (!signal.aborted)
      say(`Error handling changed files of service "${service}": ${messageOf(error)}`);
  }
}
