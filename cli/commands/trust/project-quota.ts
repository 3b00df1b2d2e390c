import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { ProjectQuota } from '../../../manager/common/model/trust/project-quota.js';
import { quotaKeys } from '../../../manager/common/model/trust/project-quota.js';
import type { ProjectSettings } from '../../../manager/common/protocol/project-calls.js';
import { forEachName } from '../../arguments/each.js';
import type { Cli } from '../../cli.js';
import { parseBytes } from '../../compose/decode/bytes.js';
import type { ListItem } from '../../output/format.js';
import { formatList } from '../../output/format.js';
import { binaryBytes } from '../../output/quantity.js';

export function quotaCommand(cli: Cli): Command {
  return new Command('quota')
    .description('Limit what the containers and volumes of a project use')
    .argument('<project>')
    .option('--cpus <number>', 'sum of the CPU limits, or none')
    .option('--memory <size>', 'sum of the memory limits, such as 4g, or none')
    .option('--containers <number>', 'containers that are not stopped, or none')
    .option('--ports <number>', 'published ports, or none')
    .option('--volumes <number>', 'named volumes, or none')
    .action((project: string, flags: Flags) => set(cli, project, flags))
    .addCommand(showCommand(cli))
    .addCommand(resetCommand(cli));
}

const keys = {
  cpus: 'nanoCpus',
  memory: 'memoryBytes',
  containers: 'containers',
  ports: 'ports',
  volumes: 'volumes',
} as const satisfies Readonly<Record<string, keyof ProjectQuota>>;

type FlagName = keyof typeof keys;
type Flags = Readonly<Partial<Record<FlagName, string>>>;

async function set(cli: Cli, project: string, flags: Flags): Promise<void> {
  const names = Object.keys(keys).filter((name): name is FlagName => Object.hasOwn(flags, name));
  if (names.length === 0) {
    throw new AppError(
      'invalid',
      `project quota ${project}: no limit given; use --cpus, --memory, --containers, --ports or --volumes, or "shoal project quota show ${project}"`,
    );
  }
  const limits = Object.fromEntries(
    names.map((name) => [keys[name], readLimit(name, flags[name] ?? '')]),
  );
  const client = await cli.connect();
  const { signal } = cli.interrupts;
  await client.call('project.set-quota', { project, limits }, { signal });
  cli.stdout.write(`${project}\n`);
}

/** Reads a limit; null for `none`. Throws `invalid`. */
function readLimit(name: FlagName, text: string): number | null {
  if (text === 'none') return null;
  if (name === 'memory') {
    const bytes = Number(parseBytes(text) ?? Number.NaN);
    if (bytes > 0 && Number.isSafeInteger(bytes)) return bytes;
    throw new AppError(
      'invalid',
      `invalid --memory "${text}": use a size such as 512m or 4g, or none`,
    );
  }
  const number = /^\d+(?:\.\d+)?$/u.test(text) ? Number(text) : Number.NaN;
  const limit = name === 'cpus' ? Math.round(number * 1e9) : number;
  if (Number.isSafeInteger(limit)) return limit;
  const kind = name === 'cpus' ? 'a number such as 1.5' : 'a whole number';
  throw new AppError('invalid', `invalid --${name} "${text}": use ${kind}, or none`);
}

const header = ['PROJECT', 'CPUS', 'MEMORY', 'CONTAINERS', 'PORTS', 'VOLUMES'];

function showCommand(cli: Cli): Command {
  return new Command('show')
    .alias('ls')
    .description('Show usage and quota of a project, or of all projects with a quota')
    .argument('[project]')
    .option('--format <format>', 'table, json, or a template')
    .action(async (project: string | undefined, { format }: { readonly format?: string }) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const args = project === undefined ? {} : { project };
      const settings = await client.call('project.settings', args, { signal });
      const shown = settings.filter(
        ({ quota }) => project !== undefined || Object.keys(quota).length > 0,
      );
      cli.stdout.write(formatList(format, header, shown.map(itemOf)));
    });
}

function amount(key: keyof ProjectQuota, value: number): string {
  if (key === 'nanoCpus') return String(value / 1e9);
  return key === 'memoryBytes' ? binaryBytes(value) : String(value);
}

function itemOf({ project, quota, used }: ProjectSettings): ListItem {
  const cell = (key: keyof ProjectQuota): string => {
    const limit = quota[key];
    return `${amount(key, used[key])} / ${limit === undefined ? 'none' : amount(key, limit)}`;
  };
  const cpus = (value: number | undefined): number | null =>
    value === undefined ? null : value / 1e9;
  return {
    cells: [project, ...quotaKeys.map(cell)],
    record: {
      Project: project,
      Limits: {
        CPUs: cpus(quota.nanoCpus),
        Memory: quota.memoryBytes ?? null,
        Containers: quota.containers ?? null,
        Ports: quota.ports ?? null,
        Volumes: quota.volumes ?? null,
      },
      Used: {
        CPUs: cpus(used.nanoCpus),
        Memory: used.memoryBytes,
        Containers: used.containers,
        Ports: used.ports,
        Volumes: used.volumes,
      },
    },
  };
}

function resetCommand(cli: Cli): Command {
  return new Command('reset')
    .alias('unset')
    .description('Lift all limits of projects')
    .argument('<project...>')
    .action(async (projects: readonly string[]) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      await forEachName(cli, projects, (project) =>
        client.call('project.set-quota', { project, reset: true }, { signal }),
      );
    });
}
