import { Command } from 'commander';
import { AppError, messageOf } from '../../manager/base/errors.js';
import { isRemoteContext, openContext } from '../build/context.js';
import { builtId } from '../build/lines.js';
import { RegistryCredentials } from '../build/registry-auth.js';
import type { BuildFlags } from '../build/request.js';
import { buildQuery, imageOf, platformOf } from '../build/request.js';
import { BuildTrace } from '../build/trace.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { Build, Project } from '../compose/model.js';
import { readLines, type ServiceImages } from './image-lines.js';
import { collect } from './options.js';
import { loadFile } from './project.js';

export interface BuildCommandFlags extends BuildFlags {
  readonly quiet?: boolean;
  readonly push?: boolean;
  readonly withDependencies?: boolean;
}

export function buildCommand(cli: Cli): Command {
  return new Command('build')
    .description('Build the images of services on a node; nodes that need one get it from there')
    .argument('[services...]')
    .option('--build-arg <name=value>', 'set build-time variables', collect)
    .option('-m, --memory <bytes>', 'memory limit of the build container')
    .option('--no-cache', 'do not use the cache')
    .option('--pull', 'always try to pull newer base images')
    .option('--push', 'push the images')
    .option('-q, --quiet', 'no output')
    .option('--with-dependencies', 'also build what the services depend on')
    .action(async (services: string[], flags: BuildCommandFlags & { readonly cache: boolean }) => {
      const { project } = await loadFile(cli, services);
      const all = services.length === 0 || flags.withDependencies === true;
      const keys = all ? Object.keys(project.services) : services;
      const client = await cli.connect({ startLocal: true });
      const told = { ...flags, noCache: !flags.cache };
      const built = await buildServices(cli, { client, project, keys }, told);
      if (flags.push === true) {
        const { pushServices } = await import('./push.js');
        await pushServices(cli, { client, project, keys }, {});
      }
      if (built.length === 0) cli.stderr.write('No services to build\n');
    });
}

export interface BuiltImage {
  readonly service: string;
  readonly image: string;
  readonly id: string;
}

/** Builds one after the other, all on the same node where platforms allow. Returns what was built. */
export async function buildServices(
  cli: Cli,
  { client, project, keys }: ServiceImages,
  flags: BuildCommandFlags,
): Promise<readonly BuiltImage[]> {
  const auths = await new RegistryCredentials(cli.env).all();
  const built: BuiltImage[] = [];
  for (const key of keys) {
    const service = project.services[key];
    if (service?.build === undefined) continue;
    const image = imageOf(project, key, service);
    try {
      const id = await buildOne({ cli, client, project, flags, auths }, key, service.build);
      built.push({ service: key, image, id });
      if (flags.quiet !== true) cli.stderr.write(` ${image}  Built\n`);
    } catch (error) {
      throw new AppError(
        'unavailable',
        `service ${key}: build of ${image} failed: ${messageOf(error)}`,
        {
          cause: error,
        },
      );
    }
  }
  return built;
}

interface Building {
  readonly cli: Cli;
  readonly client: ControlClient;
  readonly project: Project;
  readonly flags: BuildCommandFlags;
  readonly auths: Awaited<ReturnType<RegistryCredentials['all']>>;
}

async function buildOne(around: Building, service: string, build: Build): Promise<string> {
  const { cli, client, project, flags, auths } = around;
  const { signal } = cli.interrupts;
  const source = build.context ?? project.workingDirectory;
  const remote = isRemoteContext(source);
  const context = remote ? undefined : await openContext(service, { ...build, context: source });
  const query = buildQuery({
    project,
    service,
    build,
    flags,
    env: cli.env,
    dockerfile: context?.dockerfile ?? build.dockerfile ?? 'Dockerfile',
    dockerfileText: context?.dockerfileText ?? '',
    ...(remote ? { remote: source } : {}),
  });
  const definition = project.services[service];
  const platform = definition === undefined ? undefined : platformOf(service, definition);
  const place = platform === undefined ? {} : { platform };
  const stream = await client.open('build', { ...place, query, auths }, signal);
  const trace = new BuildTrace();
  let [id, shown] = ['', ''];
  try {
    await readLines(
      stream,
      (line) => {
        id = builtId(line) ?? id;
        const text = line.stream ?? trace.read(line);
        if (flags.quiet === true) shown = (shown + text).slice(-8_192);
        else cli.stderr.write(text);
      },
      context?.tar,
    );
  } catch (error) {
    if (flags.quiet === true) cli.stderr.write(shown);
    throw error;
  }
  return id;
}
