import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { BuildContext } from '../build/context.js';
import { isRemoteContext, openContext } from '../build/context.js';
import { builtId } from '../build/lines.js';
import { RegistryCredentials } from '../build/registry-auth.js';
import type { BuildFlags } from '../build/request.js';
import type { NamedContext } from '../build/named-contexts.js';
import { parseNamedContext } from '../build/named-contexts.js';
import { namedImages } from '../build/named-images.js';
import { buildQuery, cacheImages, mergeBuildArgs, platformOf } from '../build/request.js';
import { imageOf } from '../compose/specs/names.js';
import { BuildTrace } from '../build/trace.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { readContent } from '../compose/load/load.js';
import type { Build, Project } from '../compose/model.js';
import { byteMeter, metered } from '../output/meter.js';
import { quietProgress } from '../output/progress.js';
import { readEngineOutput, type ServiceImages } from './engine-output.js';
import { progressOf } from '../project/progress-output.js';

export interface BuildCommandFlags extends BuildFlags {
  readonly quiet?: boolean;
  readonly push?: boolean;
  /** Prints a bake file instead of building. */
  readonly print?: boolean;
  readonly withDependencies?: boolean;
}

export interface BuiltImage {
  readonly service: string;
  readonly image: string;
  readonly id: string;
}

/**
 * Builds the images one after the other, on the same node where platforms allow. Returns the built
 * images; throws `unavailable` for the first build that fails.
 */
export async function buildServices(
  cli: Cli,
  { client, project: chosen, keys }: ServiceImages,
  flags: BuildCommandFlags,
): Promise<readonly BuiltImage[]> {
  const project = withUnselected(chosen);
  const credentials = new RegistryCredentials(cli.env);
  const built: BuiltImage[] = [];
  for (const key of buildOrder(project, keys)) {
    const service = project.services[key];
    if (service?.build === undefined) continue;
    const image = imageOf(project, key, service);
    try {
      const id = await buildOne({ cli, client, project, flags, credentials }, key, service.build);
      built.push({ service: key, image, id });
      const isSilent = flags.quiet === true || cli.options.dryRun === true;
      if (!isSilent) cli.stderr.write(` ${image}  Built\n`);
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

/** Adds the services that are not selected: a build may use their images (`service:` context). */
export function withUnselected(project: Project): Project {
  return { ...project, services: { ...project.disabledServices, ...project.services } };
}

function namedContexts(project: Project, service: string, build: Build): readonly NamedContext[] {
  const imageOfService = (key: string): string => {
    const other = project.services[key];
    if (other !== undefined) return imageOf(project, key, other);
    throw new AppError('not-found', `no such service: ${key}`);
  };
  const dependencies = { folder: project.workingDirectory, imageOfService };
  return Object.entries(build.additional_contexts ?? {}).map(([name, value]) => {
    try {
      return parseNamedContext(name, value, dependencies);
    } catch (error) {
      const place = project.locate(['services', service, 'build', 'additional_contexts', name]);
      throw new AppError('unsupported', `${place}: ${messageOf(error)}`);
    }
  });
}

/** Contents of the build's secrets in base64, by the id that the Dockerfile uses. */
function secretsOf(project: Project, build: Build): Readonly<Record<string, string>> {
  return Object.fromEntries(
    (build.secrets ?? []).map(({ source, target }) => {
      if (project.secrets[source] === undefined) {
        throw new AppError(
          'not-found',
          `secret ${source}: belongs to a service that is not selected; name that service too`,
        );
      }
      const content = Buffer.from(readContent(project, 'secrets', source));
      return [target ?? source, content.toString('base64')];
    }),
  );
}

/**
 * The services in build order: a service follows the services whose images its build uses as
 * contexts. Throws `invalid` for a cycle.
 */
export function buildOrder(project: Project, keys: readonly string[]): readonly string[] {
  const order = new Set<string>();
  const add = (key: string, above: readonly string[]): void => {
    if (above.includes(key)) {
      throw new AppError('invalid', `build dependency cycle: ${[...above, key].join(' -> ')}`);
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

interface BuildDependencies {
  readonly cli: Cli;
  readonly client: ControlClient;
  readonly project: Project;
  readonly flags: BuildCommandFlags;
  readonly credentials: RegistryCredentials;
}

async function buildOne(
  dependencies: BuildDependencies,
  service: string,
  build: Build,
): Promise<string> {
  const { cli, client, project, flags } = dependencies;
  const { signal } = cli.interrupts;
  const source = build.context ?? project.workingDirectory;
  const remote = isRemoteContext(source);
  const named = namedContexts(project, service, build);
  if (remote && named.length > 0) {
    const place = project.locate(['services', service, 'build', 'additional_contexts']);
    throw new AppError(
      'unsupported',
      `${place}: unsupported with a remote build context; use a local context`,
    );
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
  if (query.version === '2') await checkEngines(dependencies, service, build);
  const definition = project.services[service];
  const platform = definition === undefined ? undefined : platformOf(service, definition);
  const secrets = secretsOf(project, build);
  const auths = await authsOf(dependencies, build, context);
  const args = { ...(platform === undefined ? {} : { platform }), query, auths, secrets };
  const stream = await client.open('build', args, signal);
  return readBuild(cli, { service, stream, context: context?.tar, quiet: flags.quiet === true });
}

/** Credentials of the registries that the build names; a remote context is undefined. */
async function authsOf(
  { cli, project, flags, credentials }: BuildDependencies,
  build: Build,
  context: BuildContext | undefined,
): ReturnType<RegistryCredentials['forImages']> {
  const args = mergeBuildArgs({ project, build, flags, env: cli.env });
  const dockerfile = context?.dockerfileText ?? '';
  const images = namedImages({ dockerfile, args, cacheFrom: cacheImages(build) });
  return credentials.forImages(images);
}

/** BuildKit supports these keys since engine 23; older engines ignore them silently. */
async function checkEngines(
  { cli, client, project }: BuildDependencies,
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
    `${place}: build.${key} needs Docker Engine 23 or later with BuildKit; node ${old.spec.name} has ${engineVersion}`,
  );
}

interface RunningBuild {
  readonly service: string;
  readonly stream: MessageStream;
  readonly context: NodeJS.ReadableStream | undefined;
  readonly quiet: boolean;
}

/**
 * Progress of sending the build context. It ends at the first line of build output, because both
 * write to standard error.
 */
function contextProgress(
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

/** Prints the build output, in quiet mode only after a failure. Returns the image id. */
async function readBuild(cli: Cli, build: RunningBuild): Promise<string> {
  const { service, stream, context, quiet } = build;
  const trace = new BuildTrace();
  const contextSent = contextProgress(cli, service, quiet || context === undefined);
  let [id, shown] = ['', ''];
  try {
    await readEngineOutput(
      stream,
      (line) => {
        contextSent.end();
        id = builtId(line) ?? id;
        const text = line.stream ?? trace.read(line);
        if (quiet) shown = (shown + text).slice(-8_192);
        else cli.stderr.write(text);
      },
      context === undefined ? undefined : metered(context, contextSent.show),
    );
  } catch (error) {
    if (quiet) cli.stderr.write(shown);
    throw error;
  } finally {
    contextSent.end();
  }
  return id;
}
