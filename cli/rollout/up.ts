import { AppError } from '../../manager/common/base/errors.js';
import type { ServiceSpec } from '../../manager/common/model/service.js';
import type {
  ProjectApplyResult,
  ProjectApply,
} from '../../manager/common/protocol/project-calls.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { WatchedState } from '../client/watched.js';
import type { Project } from '../compose/model.js';
import { appliedLines } from '../client/plan-lines.js';
import { lookOnce } from './follow/follow.js';
import type { ServiceWait } from './wait-for-services.js';
import { waitForServices } from './wait-for-services.js';
import { runForeground } from './foreground.js';
import { loadFile } from '../project/load-request.js';
import { warn, withProgress } from '../project/progress-output.js';
import { bindImages, imagesToBind, prepareImages } from './up-images.js';
import { takeOver } from './take-over.js';
import type { UpFlags, UpOptions } from './up-flags.js';
import { upOptions } from './up-flags.js';

/** Runs `up` with the flags that `upCommand` parses; `create` calls it with `start: false`. */
export async function up(cli: Cli, services: readonly string[], given: UpFlags): Promise<void> {
  const flags = withVariables(cli, given);
  const options = upOptions(flags);
  // The whole file is validated before any change.
  const { project, warnings } = await loadFile(cli, services);
  for (const line of warnings) warn(cli, line);
  checkNames(project, options, flags);
  const { buildApplyRequest } = await import('./up-apply.js');
  let wanted = buildApplyRequest({ project, named: services, flags, options });
  const client = await cli.connect({ startLocal: true });
  const { signal } = cli.interrupts;
  const before = await lookOnce(client, project.name, signal);
  for (const { spec, status } of before.nodes.values()) {
    if (status.state === 'ready') continue;
    const why = status.message === '' ? '' : ` (${status.message})`;
    warn(
      cli,
      `node ${spec.name}: is ${status.state}${why}; it gets no containers until it returns`,
    );
  }
  if (before.services.size === 0)
    await takeOver(cli, { client, project, dryRun: flags.dryRun === true });
  const keys = wanted.services.map(({ service }) => service);
  const stale = await prepareImages(cli, { client, project, keys, flags, before });
  wanted = { ...wanted, forceRecreate: [...new Set([...wanted.forceRecreate, ...stale])] };
  const images = flags.dryRun === true ? [] : imagesToBind(project, keys);
  const missing = await bindImages(cli, client, images);
  const apply = flags.recreate ? wanted : withoutExisting(wanted, before);
  const applied = await client.call('project.apply', apply, { signal, timeoutMs: 60_000 });
  reportApplied(cli, applied, flags);
  if (flags.dryRun === true) return;
  const state = await withProgress(cli, (progress) =>
    waitForServices(cli, progress, {
      client,
      project: project.name,
      services: keys,
      until: untilOf(options.mode),
      changes: applied.changes,
      before,
      timeoutMs: options.waitMs,
    }),
  );
  // Their nodes have pulled them meanwhile.
  await bindImages(cli, client, missing);
  if (options.mode !== 'foreground') return;
  const attached = attachedServices(project, { named: services, started: keys }, flags);
  await foreground(cli, { client, project, keys, attached, before, state, flags, options });
}

function untilOf(mode: UpOptions['mode']): ServiceWait['until'] {
  return mode === 'foreground' ? 'started' : mode;
}

function checkNames(project: Project, options: UpOptions, flags: UpFlags): void {
  const { attach = [] } = flags;
  const from = flags.exitCodeFrom === undefined ? [] : [flags.exitCodeFrom];
  for (const name of [...Object.keys(options.replicas), ...from, ...attach]) {
    if (project.services[name] !== undefined) continue;
    throw new AppError('not-found', `no such service: ${name}`);
  }
}

/** `--no-recreate`: leaves existing services out of the request, even if the file has changed. */
function withoutExisting(wanted: ProjectApply, before: WatchedState): ProjectApply {
  const existing = new Set([...before.services.values()].map(({ spec }) => spec.name));
  const isNew = (spec: ServiceSpec): boolean => !existing.has(spec.name);
  return { ...wanted, services: wanted.services.filter(isNew) };
}

function reportApplied(cli: Cli, applied: ProjectApplyResult, flags: UpFlags): void {
  if (applied.orphans.length > 0 && flags.removeOrphans !== true && !ignoresOrphans(cli)) {
    warn(
      cli,
      `found orphan containers (${applied.orphans.join(', ')}) for this project: if you removed or renamed this service in your compose file, run this command with the --remove-orphans flag to clean it up`,
    );
  }
  if (flags.dryRun === true) cli.stdout.write(appliedLines(applied));
}

function ignoresOrphans(cli: Cli): boolean {
  return /^(?:1|true)$/iu.test(cli.env.COMPOSE_IGNORE_ORPHANS ?? '');
}

/** Applies COMPOSE_REMOVE_ORPHANS unless the flag is given, and the dry run of the program. */
function withVariables(cli: Cli, given: UpFlags): UpFlags {
  const flags = { ...given, dryRun: cli.options.dryRun === true };
  const remove = /^(?:1|true)$/iu.test(cli.env.COMPOSE_REMOVE_ORPHANS ?? '');
  return flags.removeOrphans === undefined && remove ? { ...flags, removeOrphans: true } : flags;
}

/**
 * Services whose output `up` shows: those of `--attach`, else the named services, or all without
 * names, and with `--attach-dependencies` their dependencies. `attach: false` and `--no-attach`
 * leave services out.
 */
export function attachedServices(
  project: Pick<Project, 'services'>,
  { named, started }: { readonly named: readonly string[]; readonly started: readonly string[] },
  flags: Pick<UpFlags, 'attach' | 'attachDependencies' | 'noAttach'>,
): readonly string[] {
  const { attach, attachDependencies, noAttach = [] } = flags;
  const wanted = started.filter((key) => {
    if (attach !== undefined) return attach.includes(key);
    if (project.services[key]?.attach === false) return false;
    return named.length === 0 || attachDependencies === true || named.includes(key);
  });
  return wanted.filter((key) => !noAttach.includes(key));
}

interface ForegroundRequest {
  readonly client: ControlClient;
  readonly project: Project;
  readonly keys: readonly string[];
  readonly attached: readonly string[];
  readonly before: WatchedState;
  readonly state: WatchedState;
  readonly flags: UpFlags;
  readonly options: UpOptions;
}

async function foreground(cli: Cli, request: ForegroundRequest): Promise<void> {
  const { client, project, keys, attached, before, state, flags, options } = request;
  const watching = new AbortController();
  const watched =
    flags.watch === true
      ? import('./watch-project.js').then(({ watchProject }) =>
          watchProject(cli, {
            ...{ client, project, keys, prune: true, signal: watching.signal },
            buildAndStart: (services) =>
              up(cli, services, {
                ...{ detach: true, recreate: true, start: true, build: true, deps: false },
                ...{ color: flags.color, logPrefix: flags.logPrefix },
              }),
          }),
        )
      : undefined;
  // Awaited below, after the containers have ended.
  watched?.catch(() => undefined);
  const showing = runForeground(cli, {
    client,
    project: project.name,
    services: keys,
    attached,
    before,
    state,
    abortOn: options.abortOn,
    exitCodeFrom: flags.exitCodeFrom,
    graceMs: options.graceMs,
    color: flags.color,
    prefix: flags.logPrefix,
    timestamps: flags.timestamps === true,
  });
  await showing.finally(() => {
    watching.abort();
  });
  await watched;
}
