import { Command } from 'commander';
import type { Cli } from '../cli.js';
import type { ConfigOptions } from './config.js';
import { loadRequest } from './project.js';

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
    .option('-q, --quiet', 'only check the configuration')
    .option('--no-interpolate', "don't interpolate environment variables")
    .option('--no-normalize', "don't normalize the model")
    .option('--no-path-resolution', "don't resolve file paths")
    .option('--no-env-resolution', "don't resolve service env files")
    .option('--no-consistency', "don't check consistency")
    .option('--resolve-image-digests', 'pin image tags to digests')
    .option('--lock-image-digests', 'produce an override file with image digests')
    .option('-o, --output <file>', 'save to a file instead of printing')
    .action(async (services: string[], flags: ConfigOptions) => {
      const { runConfig } = await import('./config.js');
      runConfig({ ...loadRequest(cli), services }, flags, {
        stdout: (text) => {
          cli.stdout.write(text);
        },
        stderr: (text) => {
          cli.stderr.write(text);
        },
      });
    });
}
