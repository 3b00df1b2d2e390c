import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Command } from 'commander';
import { AppError } from '../../manager/base/errors.js';
import type { Cli } from '../cli.js';

/** The version in the nearest package.json above this file: beside `dist` wherever that was put. */
export function ownVersion(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  for (;;) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) {
      return (JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string }).version;
    }
    const parent = dirname(folder);
    if (parent === folder) return 'unknown';
    folder = parent;
  }
}

interface VersionFlags {
  readonly short?: boolean;
  readonly format: string;
}

export function versionCommand(cli: Cli): Command {
  return new Command('version')
    .description('Show the version')
    .option('--short', "show only Shoal's version number")
    .option('-f, --format <format>', 'pretty or json', 'pretty')
    .action((flags: VersionFlags) => {
      const version = ownVersion();
      if (flags.format !== 'pretty' && flags.format !== 'json') {
        throw new AppError('invalid', `invalid --format "${flags.format}": use pretty or json`);
      }
      if (flags.short === true) cli.stdout.write(`${version}\n`);
      else if (flags.format === 'json') cli.stdout.write(`${JSON.stringify({ version })}\n`);
      else cli.stdout.write(`Shoal version ${version}\n`);
    });
}
