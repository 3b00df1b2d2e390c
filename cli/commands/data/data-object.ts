import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { Command } from 'commander';
import { AppError, messageOf } from '../../../manager/common/base/errors.js';
import type { Config, Secret } from '../../../manager/common/model/secret.js';
import type { Cli } from '../../cli.js';
import { humanDuration } from '../../../manager/common/base/human-duration.js';
import type { FilterPredicates } from '../../output/filter.js';
import { compileFilters, hasLabel } from '../../output/filter.js';
import type { ListItem } from '../../output/format.js';
import { formatInspect, formatList } from '../../output/format.js';
import { forEachName } from '../../arguments/each.js';
import { keyValues } from '../../arguments/key-values.js';
import { collect } from '../../arguments/options.js';

type Kind = 'secret' | 'config';
/** A secret comes without its data: the manager never returns it to a client. */
type DataObject = Omit<Secret, 'data'> | Config;

/** The `secret` command, like docker's. */
export function secretCommand(cli: Cli): Command {
  return objectCommand(cli, 'secret', 'secret');
}

/** The `config-object` command, docker's `config`; `config` itself is docker compose's. */
export function configObjectCommand(cli: Cli): Command {
  return objectCommand(cli, 'config', 'config-object');
}

function objectCommand(cli: Cli, kind: Kind, name: string): Command {
  return new Command(name)
    .description(`Manage ${kind}s of the cluster`)
    .addCommand(createCommand(cli, kind))
    .addCommand(listCommand(cli, kind))
    .addCommand(inspectCommand(cli, kind))
    .addCommand(removeCommand(cli, kind));
}

function createCommand(cli: Cli, kind: Kind): Command {
  return new Command('create')
    .description(`Create a ${kind} from a file, or from standard input (-)`)
    .argument('<name>')
    .argument('[file]', 'file with the content, or - for standard input', '-')
    .option('-l, --label <label>', 'set metadata', collect)
    .action(async (name: string, file: string, flags: { readonly label?: readonly string[] }) => {
      const labels = keyValues('--label', flags.label);
      const content = await read(cli, file);
      if (content.length === 0 && kind === 'secret') {
        throw new AppError('invalid', `secret ${name}: ${file} is empty; a secret needs content`);
      }
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const args = { name, labels, data: content.toString('base64') };
      const id = await client.call(`${kind}.create`, args, { signal });
      cli.stdout.write(`${id}\n`);
    });
}

async function read(cli: Cli, file: string): Promise<Buffer> {
  if (file === '-') return await buffer(cli.stdin);
  try {
    return await readFile(resolve(cli.cwd, file));
  } catch (error) {
    throw new AppError('not-found', `cannot read ${file}: ${messageOf(error)}`, { cause: error });
  }
}

async function list(cli: Cli, kind: Kind): Promise<readonly DataObject[]> {
  const client = await cli.connect();
  const objects = await client.call(`${kind}.list`, {}, { signal: cli.interrupts.signal });
  return [...objects].sort((a, b) => (a.spec.name < b.spec.name ? -1 : 1));
}

function listCommand(cli: Cli, kind: Kind): Command {
  return new Command('ls')
    .alias('list')
    .description(`List ${kind}s, including those of projects`)
    .option('-q, --quiet', 'only display ids')
    .option('-f, --filter <filter>', `filter by a property: ${filterKeys}`, collect)
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: ListFlags) => {
      const passes = compileFilters(flags.filter, filterTests);
      const objects = (await list(cli, kind)).filter(passes);
      if (flags.quiet === true) {
        cli.stdout.write(objects.map(({ id }) => `${id}\n`).join(''));
        return;
      }
      const items = objects.map((object) => listed(object, cli.now()));
      cli.stdout.write(
        formatList(flags.format, ['ID', 'NAME', 'PROJECT', 'CREATED', 'UPDATED'], items),
      );
    });
}

interface ListFlags {
  readonly quiet?: boolean;
  readonly format?: string;
  readonly filter?: readonly string[];
}

const filterKeys = 'id=, name=, label=, project=';

/** Docker's filters, which match prefixes of ids and names, and our `project`. */
const filterTests: FilterPredicates<DataObject> = {
  id: ({ id }, value) => id.startsWith(value),
  name: ({ spec }, value) => spec.name.startsWith(value),
  label: ({ spec }, value) => hasLabel(spec.labels, value),
  project: ({ spec }, value) => spec.project === value,
};

function listed({ id, spec, createdAt, updatedAt }: DataObject, now: number): ListItem {
  const ago = (at: number): string => `${humanDuration(now - at)} ago`;
  return {
    cells: [id, spec.name, spec.project, ago(createdAt), ago(updatedAt)],
    record: {
      ID: id,
      Name: spec.name,
      Project: spec.project,
      CreatedAt: ago(createdAt),
      UpdatedAt: ago(updatedAt),
      Labels: Object.entries(spec.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
    },
  };
}

function find(kind: Kind, objects: readonly DataObject[], name: string): DataObject {
  const found = objects.find(({ id, spec }) => spec.name === name || id === name);
  if (found === undefined) throw new AppError('not-found', `no such ${kind}: ${name}`);
  return found;
}

function inspectCommand(cli: Cli, kind: Kind): Command {
  const what = kind === 'secret' ? 'secrets, without their contents' : 'configs';
  return new Command('inspect')
    .description(`Display detailed information on ${what}`)
    .argument('<names...>')
    .option('-f, --format <format>', 'json or a template')
    .action(async (names: string[], flags: { readonly format?: string }) => {
      const objects = await list(cli, kind);
      const found = names.map((name) => toInspect(find(kind, objects, name)));
      cli.stdout.write(formatInspect(flags.format, found));
    });
}

/** Docker's fields for `secret inspect` and `config inspect`. */
function toInspect(object: DataObject): object {
  const { id, version, createdAt, updatedAt, spec } = object;
  return {
    ID: id,
    Version: { Index: version },
    CreatedAt: new Date(createdAt).toISOString(),
    UpdatedAt: new Date(updatedAt).toISOString(),
    Spec: {
      Name: spec.name,
      Labels: spec.labels,
      ...('data' in object ? { Data: object.data } : {}),
    },
  };
}

function removeCommand(cli: Cli, kind: Kind): Command {
  return new Command('rm')
    .alias('remove')
    .description(`Remove ${kind}s that no service uses`)
    .argument('<names...>')
    .action(async (names: string[]) => {
      const objects = await list(cli, kind);
      const client = await cli.connect();
      await forEachName(cli, names, async (name) => {
        const { spec } = find(kind, objects, name);
        await client.call(`${kind}.remove`, { name: spec.name }, { signal: cli.interrupts.signal });
      });
    });
}
