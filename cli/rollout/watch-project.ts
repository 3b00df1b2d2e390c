import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { imageOf } from '../compose/specs/names.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { Project } from '../compose/model.js';
import { watchRules } from '../watch/rules.js';
import { watchFiles } from '../watch/watch.js';

export interface WatchedProject {
  readonly client: ControlClient;
  readonly project: Project;
  readonly keys: readonly string[];
  /** Builds services and brings them up with the new images. */
  readonly buildAndStart: (services: readonly string[]) => Promise<void>;
  readonly prune: boolean;
  readonly signal: AbortSignal;
}

/** Watch rules of the services; throws if no service has any. */
export function projectWatchRules(project: Project, keys: readonly string[]) {
  return watchRules(project, keys, (context) => {
    try {
      return readFileSync(join(context, '.dockerignore'), 'utf8');
    } catch {
      return '';
    }
  });
}

/** Syncs and rebuilds on file changes until `signal` is aborted. */
export async function watchProject(cli: Cli, of: WatchedProject): Promise<void> {
  const { client, project, keys, signal } = of;
  const untagged = new Set<string>();
  await watchFiles({
    client,
    project: project.name,
    rules: projectWatchRules(project, keys),
    signal,
    report: (line) => {
      cli.stderr.write(`${line}\n`);
    },
    rebuild: async (services) => {
      const before = await imageIds(of, services);
      await of.buildAndStart(services);
      for (const id of before) untagged.add(id);
      for (const id of await imageIds(of, services)) untagged.delete(id);
      if (of.prune) await pruneImages(of, untagged);
    },
  });
}

/** Removes unused images from the nodes; images still in use stay in the set for the next try. */
async function pruneImages({ client, signal }: WatchedProject, images: Set<string>): Promise<void> {
  for (const image of images) {
    const options = { signal: AbortSignal.any([signal]) };
    await client.call('image.remove', { image }, options);
    const left = await client.call('image.find', { image }, options);
    if (left.length === 0) images.delete(image);
  }
}

async function imageIds(
  { client, project, signal }: WatchedProject,
  services: readonly string[],
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  for (const key of services) {
    const service = project.services[key];
    if (service === undefined) continue;
    const image = imageOf(project, key, service);
    const options = { signal: AbortSignal.any([signal]) };
    for (const { id } of await client.call('image.find', { image }, options)) ids.add(id);
  }
  return ids;
}
