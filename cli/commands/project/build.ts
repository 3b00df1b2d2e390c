import { Command } from 'commander';
import { AppError, messageOf } from '../../../manager/common/base/errors.js';
import { isRemoteContext, openContext } from '../../build/context.js';
import { builtId } from '../../build/lines.js';
import { RegistryCredentials } from '../../build/registry-auth.js';
import type { BuildFlags } from '../../build/request.js';
import type { NamedContext } from '../../build/named-contexts.js';
import { parseNamedContext } from '../../build/named-contexts.js';
import { buildQuery, imageOf, platformOf } from '../../build/request.js';
import { BuildTrace } from '../../build/trace.js';
import type { MessageStream } from '../../../manager/common/protocol/worker-calls.js';
import type { Cli } from '../../cli.js';
import type { ControlClient } from '../../client/client.js';
import { contentOf } from '../../compose/load/load.js';
import type { Build, Project } from '../../compose/model.js';
import { byteMeter, metered } from '../../output/meter.js';
import { quietProgress } from '../../output/progress.js';
import { readLines, type ServiceImages } from '../../rollout/image-lines.js';
import { collect } from '../../arguments/options.js';
import { loadFile } from '../../project/load-request.js';
import { progressOf } from '../../project/showing.js';

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
  { client, project: chosen, keys }: ServiceImages,
  flags: BuildCommandFlags,
): Promise<readonly BuiltImage[]> {
  // A build may begin with what a service gives that was not chosen.
  const services = { ...chosen.disabledServices, ...chosen.services };
  const project = { ...chosen, services };
  const auths = await new RegistryCredentials(cli.env).all();
  const built: BuiltImage[] = [];
  for (const key of buildOrder(project, keys)) {
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

function namedContexts(project: Project, service: string, build: Build): readonly NamedContext[] {
  const imageOfService = (key: string): string => {
    const other = project.services[key];
    if (other !== undefined) return imageOf(project, key, other);
    throw new AppError('not-found', `no such service: ${key}`);
  };
  const around = { folder: project.workingDirectory, imageOfService };
  return Object.entries(build.additional_contexts ?? {}).map(([name, value]) => {
    try {
      return parseNamedContext(name, value, around);
    } catch (error) {
      const place = project.locate(['services', service, 'build', 'additional_contexts', name]);
      throw new AppError('unsupported', `${place}: ${messageOf(error)}`);
    }
  });
}

/** Contents of the build's secrets by the id that the Dockerfile knows them by. */
function secretsOf(project: Project, build: Build): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (build.secrets ?? []).map(({ source, target }) => {
      if (project.secrets[source] === undefined) {
        throw new AppError('not-found', `secret ${source} belongs to a service that was not named`);
      }
      const content = Buffer.from(contentOf(project, 'secrets', source));
      return [target ?? source, content.toString('base64')];
    }),
  );
}

/** These services, and before each of them those whose image its build begins with. */
export function buildOrder(project: Project, keys: readonly string[]): readonly string[] {
  const order = new Set<string>();
  const add = (key: string, above: readonly string[]): void => {
    if (above.includes(key)) {
      throw new AppError('invalid', `builds need each other: ${[...above, key].join(', ')}`);
    }
    const contexts = Object.values(project.services[key]?.build?.additional_contexts ?? {});
    for (const value of contexts) {
      if (value.startsWith('service:')) add(value.slice('service:'.length), [...above, key]);
    }
    order.add(key);
  };
  for (const key of keys) add(key, []);
  return [...order];
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
  const named = namedContexts(project, service, build);
  if (remote && named.length > 0) {
    const place = project.locate(['services', service, 'build', 'additional_contexts']);
    throw new AppError('unsupported', `${place}: only with a context on this computer`);
  }
  const context = remote
    ? undefined
    : await openContext(service, { ...build, context: source }, named);
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
  if (query.version === '2') await checkEngines(around, service, build);
  const definition = project.services[service];
  const platform = definition === undefined ? undefined : platformOf(service, definition);
  const secrets = secretsOf(project, build);
  const args = { ...(platform === undefined ? {} : { platform }), query, auths, secrets };
  const stream = await client.open('build', args, signal);
  return readBuild(cli, { service, stream, context: context?.tar, quiet: flags.quiet === true });
}

/** BuildKit takes these since engine 23; older ones pass over them in silence. */
async function checkEngines(
  { cli, client, project }: Building,
  service: string,
  build: Build,
): Promise<void> {
  const key = (['shm_size', 'ulimits'] as const).find((name) => build[name] !== undefined);
  if (key === undefined) return;
  const nodes = await client.call('node.list', {}, { signal: cli.interrupts.signal });
  const old = nodes.find(({ description }) => Number.parseInt(description.engineVersion, 10) < 23);
  if (old === undefined) return;
  const place = project.locate(['services', service, 'build', key]);
  const { engineVersion } = old.description;
  throw new AppError(
    'unsupported',
    `${place}: build.${key} with what only BuildKit builds needs engine 23, ${old.spec.name} has ${engineVersion}`,
  );
}

interface RunningBuild {
  readonly service: string;
  readonly stream: MessageStream;
  readonly context: NodeJS.ReadableStream | undefined;
  readonly quiet: boolean;
}

/** Shows how much of a context is sent, until the build's own lines come: both write to the same place. */
function sendingOf(
  cli: Cli,
  service: string,
  quiet: boolean,
): { readonly show: (sent: number) => void; readonly end: () => void } {
  const progress = quiet ? quietProgress : progressOf(cli);
  const id = `Context ${service}`;
  let bytes = 0;
  return {
    show: (sent) => {
      bytes = sent;
      progress.show('Building', [
        { id, text: 'Sending', state: 'working', meter: byteMeter(sent) },
      ]);
    },
    end: () => {
      if (bytes > 0) progress.show('Building', [{ id, text: 'Sent', state: 'done' }]);
      bytes = 0;
      progress.end();
    },
  };
}

/** Shows what the build says, only after a failure when it is to be quiet. Returns the image's id. */
async function readBuild(cli: Cli, build: RunningBuild): Promise<string> {
  const { service, stream, context, quiet } = build;
  const trace = new BuildTrace();
  const sending = sendingOf(cli, service, quiet || context === undefined);
  let [id, shown] = ['', ''];
  try {
    await readLines(
      stream,
      (line) => {
        sending.end();
        id = builtId(line) ?? id;
        const text = line.stream ?? trace.read(line);
        if (quiet) shown = (shown + text).slice(-8_192);
        else cli.stderr.write(text);
      },
      context === undefined ? undefined : metered(context, sending.show),
    );
  } catch (error) {
    if (quiet) cli.stderr.write(shown);
    throw error;
  } finally {
    sending.end();
  }
  return id;
}
