import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import type { ConfigIo, ConfigOptions } from '../../project/render-config.js';
import { loadFile, loadRequest } from '../../project/load-request.js';

export function configCommand(cli: Cli): Command {
  return new Command('config')
    .description('Parse, resolve and render the Compose file in canonical form')
    .argument('[services...]')
    .option('--format <format>', 'yaml or json')
    .option('--services', 'print the names of services, one per line')
    .option('--volumes', 'print the names of volumes, one per line')
    .option('--networks', 'print the names of networks, one per line')
    .option('--images', 'print the names of images, one per line')
    .option('--models', 'print the names of models, one per line')
    .option('--profiles', 'print the names of profiles, one per line')
    .option('--environment', 'print the environment used for interpolation')
    .option('--variables', 'print variables and their default values')
    .option('--hash <services>', "print services' config hashes: a list, or * for all")
    .option('-q, --quiet', 'only validate the configuration, print nothing')
    .option('--no-interpolate', "don't interpolate environment variables")
    .option('--no-normalize', "don't normalize the model")
    .option('--no-path-resolution', "don't resolve file paths")
    .option('--no-env-resolution', "don't resolve service env files")
    .option('--no-consistency', "don't check consistency")
    .option('--resolve-image-digests', 'pin image tags to digests')
    .option('--lock-image-digests', 'produce an override file with image digests')
    .option('-o, --output <file>', 'save to a file instead of printing')
    .action(async (services: string[], flags: ConfigOptions) => {
      const { runConfig } = await import('../../project/render-config.js');
      const resolve = flags.resolveImageDigests === true || flags.lockImageDigests === true;
      const pinned = resolve ? await pinImages(cli, services) : undefined;
      const io: ConfigIo = {
        stdout: (text) => {
          cli.stdout.write(text);
        },
        stderr: (text) => {
          cli.stderr.write(text);
        },
      };
      const options = cli.options.compatibility === true ? { ...flags, normalize: false } : flags;
      const isPlan = cli.options.dryRun === true && flags.output !== undefined;
      const how = isPlan ? { ...options, quiet: true } : options;
      runConfig({ ...loadRequest(cli), services }, how, io, pinned);
      if (isPlan) cli.stdout.write(`file ${flags.output ?? ''}: write\n`);
    });
}

/** Maps each image of the services to its name with the digest that its registry has now. */
async function pinImages(
  cli: Cli,
  services: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const { RegistryCredentials, registryOf } = await import('../../build/registry-auth.js');
  const { project } = await loadFile(cli, services);
  const images = Object.values(project.services).flatMap(({ image }) => image ?? []);
  const credentials = new RegistryCredentials(cli.env);
  const client = await cli.connect({ startLocal: true });
  const pinned = new Map<string, string>();
  for (const image of new Set(images)) {
    if (image.includes('@')) continue;
    const auth = await credentials.forImage(image);
    const args = { image, ...(auth === undefined ? {} : { auth }) };
    const digest = await client.call('image.resolve', args, {
      signal: cli.interrupts.signal,
      timeoutMs: 60_000,
    });
    pinned.set(image, `${fullName(image, registryOf(image))}@${digest}`);
  }
  return pinned;
}

/**
 * Expands `redis` to `docker.io/library/redis:latest`, the form docker compose pins to a digest.
 */
export function fullName(image: string, registry: string): string {
  const tagged = /:[^/]+$/u.test(image) ? image : `${image}:latest`;
  if (registry !== 'docker.io') return tagged;
  const bare = tagged.replace(/^(?:index\.)?docker\.io\//u, '');
  return `docker.io/${bare.includes('/') ? bare : `library/${bare}`}`;
}
