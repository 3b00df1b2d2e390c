import { AppError } from '../../manager/common/base/errors.js';
import type { Service, ServiceSpec } from '../../manager/common/model/service.js';
import type { Cli } from '../cli.js';
import { imageOf } from '../compose/specs/names.js';
import { checkServices, openProject, timeoutMs } from '../project/selection.js';
import { warn, withProgress } from '../project/progress-output.js';
import type { DownTarget } from './follow/down-state.js';
import { evaluateDown } from './follow/down-state.js';
import { followProject, lookOnce } from './follow/follow.js';

/** Flags of `down` as commander parses them. */
export interface DownFlags {
  readonly volumes?: boolean;
  readonly removeOrphans?: boolean;
  readonly rmi?: string;
  readonly timeout?: string;
}

/** Time without any change after which `down` fails; slow containers alone are no error. */
const silenceMs = 180_000;

/** Removes the services, or the whole project if none is named, and waits until they are gone. */
export async function down(cli: Cli, services: readonly string[], flags: DownFlags): Promise<void> {
  const grace = timeoutMs(flags.timeout);
  if (flags.rmi !== undefined && flags.rmi !== 'local' && flags.rmi !== 'all') {
    throw new AppError('invalid', `invalid --rmi "${flags.rmi}": use local or all`);
  }
  const { client, project } = await openProject(cli);
  const { signal } = cli.interrupts;
  const before = await lookOnce(client, project, signal);
  checkServices(services, [...before.services.values()], [...before.tasks.values()]);
  const named = services.length === 0 ? undefined : services;
  if (cli.options.dryRun === true && flags.rmi !== undefined) {
    const planned = imagesToRemove({ services: named, before }, flags.rmi);
    cli.stdout.write(planned.map((image) => `image ${image}: remove\n`).join(''));
  }
  const { changes } = await client.call(
    'project.remove',
    {
      project,
      volumes: flags.volumes === true,
      ...(named === undefined ? {} : { services: named }),
      ...(grace === undefined ? {} : { timeoutMs: grace }),
    },
    { signal },
  );
  if (changes.length === 0 && before.tasks.size === 0) {
    warn(cli, `no resource found to remove for project "${project}"`);
    return;
  }
  const wanted: DownTarget = { project, services: named, changes, before };
  await withProgress(cli, (progress) =>
    followProject({
      client,
      project,
      progress,
      title: 'Running',
      evaluate: (state) => evaluateDown(wanted, state),
      signal,
      now: cli.now,
      idleMs: silenceMs + (grace ?? 0),
    }),
  );
  if (flags.rmi !== undefined) await removeImages(cli, client, imagesToRemove(wanted, flags.rmi));
}

/**
 * Images of the removed services: `all` of them, or for `local` those with the default name of a
 * built image.
 */
export function imagesToRemove(
  { services, before }: Pick<DownTarget, 'services'> & { readonly before: DeployedServices },
  rmi: string,
): readonly string[] {
  const images = [...before.services.values()]
    .map(({ spec }) => spec)
    .filter(({ service }) => services?.includes(service) ?? true)
    .filter((spec) => rmi === 'all' || spec.task.container.image === defaultImageOf(spec))
    .map(({ task }) => task.container.image);
  return [...new Set(images)].sort();
}

interface DeployedServices {
  readonly services: ReadonlyMap<string, Pick<Service, 'spec'>>;
}

function defaultImageOf(spec: ServiceSpec): string {
  return imageOf({ ...spec, name: spec.project }, spec.service, {});
}

async function removeImages(
  cli: Cli,
  client: Awaited<ReturnType<Cli['connect']>>,
  images: readonly string[],
): Promise<void> {
  const { signal } = cli.interrupts;
  for (const image of images) {
    const nodes = await client.call('image.remove', { image }, { signal, timeoutMs: 60_000 });
    if (nodes.length === 0)
      warn(cli, `image ${image}: not removed, it does not exist or is in use`);
    else cli.stderr.write(` Image ${image}  Removed from ${nodes.join(', ')}\n`);
  }
}
