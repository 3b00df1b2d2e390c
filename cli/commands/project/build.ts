import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { acceptLegacyFlags } from '../../arguments/legacy-flags.js';
import { collect } from '../../arguments/options.js';
import type { RefusedFlag } from '../../arguments/refused-flags.js';
import { refuseFlags } from '../../arguments/refused-flags.js';
import { loadFile } from '../../project/load-request.js';
import type { BuildCommandFlags } from '../../rollout/build-services.js';
import { buildOrder, buildServices, withUnselected } from '../../rollout/build-services.js';

export function buildCommand(cli: Cli): Command {
  const command = new Command('build')
    .description('Build service images on a node; other nodes fetch them from there')
    .argument('[services...]')
    .option('--build-arg <name=value>', 'set build-time variables', collect)
    .option('-m, --memory <bytes>', 'memory limit of the build container')
    .option('--no-cache', 'do not use the cache')
    .option('--print', 'print the equivalent file for docker buildx bake, build nothing')
    .option('--pull', 'always try to pull newer base images')
    .option('--push', 'push the images')
    .option('-q, --quiet', 'suppress the build output')
    .option('--with-dependencies', 'also build the dependencies of the services')
    .action(async (services: string[], flags: BuildCommandFlags & { readonly cache: boolean }) => {
      await build(cli, services, { ...flags, noCache: !flags.cache });
    });
  acceptLegacyFlags(command, legacy);
  return refuseFlags(command, refused);
}

async function build(
  cli: Cli,
  services: readonly string[],
  flags: BuildCommandFlags,
): Promise<void> {
  const { project } = await loadFile(cli, services);
  const all = services.length === 0 || flags.withDependencies === true;
  const keys = all ? Object.keys(project.services) : services;
  if (!keys.some((key) => project.services[key]?.build !== undefined)) {
    cli.stderr.write('No services to build\n');
    return;
  }
  if (flags.print === true) {
    const { bakeFile } = await import('../../build/bake.js');
    const known = withUnselected(project);
    const file = bakeFile({ project: known, keys: buildOrder(known, keys), flags, env: cli.env });
    cli.stdout.write(`${JSON.stringify(file, undefined, 2)}\n`);
    return;
  }
  const client = await cli.connect({ startLocal: true });
  await buildServices(cli, { client, project, keys }, flags);
  if (flags.push !== true) return;
  const { pushServices } = await import('../../rollout/push-services.js');
  await pushServices(cli, { client, project, keys }, {});
}

/** Build containers are always removed, and output is always plain. */
const legacy = ['--compress', '--force-rm', '--no-rm', '--parallel', '--progress <type>'];

const attestations = 'nodes create no attestations; build and push with docker buildx';
const refused: readonly RefusedFlag[] = [
  {
    flags: '--builder <name>',
    reason: 'nodes build with their own engines; choose one with the key platform',
    accepted: ['', 'default'],
  },
  {
    flags: '--check',
    reason: 'the engines of nodes check no build files; use "docker buildx build --check"',
  },
  { flags: '--provenance <value>', reason: attestations, accepted: ['', 'false'] },
  { flags: '--sbom <value>', reason: attestations, accepted: ['', 'false'] },
  {
    flags: '--ssh <agent>',
    reason: 'a node cannot reach the SSH agent of this computer; use a build secret',
  },
];
