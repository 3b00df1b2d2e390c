import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { compileTemplate } from '../../output/template/template.js';
import { ownVersion } from '../../../manager/common/base/package-root.js';

interface VersionFlags {
  readonly short?: boolean;
  readonly format: string;
}

export function versionCommand(cli: Cli): Command {
  return new Command('version')
    .description('Show the version')
    .option('--short', "show only Shoal's version number")
    .option('-f, --format <format>', 'pretty, json, or a template', 'pretty')
    .action(async ({ short, format }: VersionFlags) => {
      const version = ownVersion();
      if (short === true) cli.stdout.write(`${version}\n`);
      else if (format === 'json') cli.stdout.write(`${JSON.stringify({ version })}\n`);
      else if (format === 'pretty') cli.stdout.write(`Shoal version ${version}\n`);
      else cli.stdout.write(await rendered(cli, format, version));
    });
}

/** Renders a template; calls the manager only if the template uses `.Server`. */
async function rendered(cli: Cli, format: string, version: string): Promise<string> {
  if (!format.includes('{{')) {
    throw new AppError('invalid', `invalid --format "${format}": use pretty, json, or a template`);
  }
  const render = compileTemplate(format);
  const { version: NodeVersion, platform: Os, arch: Arch } = process;
  const Client = { Version: version, NodeVersion, Os, Arch };
  if (!format.includes('.Server')) return `${render({ Version: version, Client })}\n`;
  const client = await cli.connect();
  const { signal } = cli.interrupts;
  const info = await client.call('info', {}, { signal });
  const Server = { Version: info.version, Cluster: info.clusterName, Store: info.store };
  return `${render({ Version: version, Client, Server })}\n`;
}
