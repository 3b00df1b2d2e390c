import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { PolicyChange } from '../../../manager/common/model/trust/project-policy.js';
import type { ProjectSettings } from '../../../manager/common/protocol/project-calls.js';
import { forEachName } from '../../arguments/each.js';
import { collect } from '../../arguments/options.js';
import type { Cli } from '../../cli.js';
import type { ListItem } from '../../output/format.js';
import { formatList } from '../../output/format.js';

export function policyCommand(cli: Cli): Command {
  return new Command('policy')
    .description('Allow deployers of a project rights over machines, or take the rights away')
    .argument('<project>')
    .option('--allow-privileged', 'privileged containers, with all capabilities and devices')
    .option('--allow-host-namespaces', 'namespaces of the machine: network, pid, ipc, uts, …')
    .option('--allow-bind <path>', 'bind mounts of a path and everything below it', collect)
    .option('--allow-capability <cap>', 'an added capability, or ALL', collect)
    .option('--allow-engine-socket', "the socket of the machine's engine")
    .option('--deny-privileged', 'no privileged containers')
    .option('--deny-host-namespaces', 'no namespaces of the machine')
    .option('--deny-bind <path>', 'a path that was allowed', collect)
    .option('--deny-capability <cap>', 'a capability that was allowed', collect)
    .option('--deny-engine-socket', 'no socket of an engine')
    .action((project: string, flags: SetFlags) => set(cli, project, flags))
    .addCommand(showCommand(cli))
    .addCommand(resetCommand(cli));
}

interface SetFlags {
  readonly allowPrivileged?: boolean;
  readonly allowHostNamespaces?: boolean;
  readonly allowEngineSocket?: boolean;
  readonly allowBind?: readonly string[];
  readonly allowCapability?: readonly string[];
  readonly denyPrivileged?: boolean;
  readonly denyHostNamespaces?: boolean;
  readonly denyEngineSocket?: boolean;
  readonly denyBind?: readonly string[];
  readonly denyCapability?: readonly string[];
}

async function set(cli: Cli, project: string, flags: SetFlags): Promise<void> {
  const [allow, deny] = [allowOf(flags), denyOf(flags)];
  const given = [...Object.values(allow), ...Object.values(deny)].flat();
  if (given.every((value) => value === false)) {
    throw new AppError(
      'invalid',
      `project policy ${project}: no right given; use --allow-… or --deny-…, or "shoal project policy show ${project}"`,
    );
  }
  const client = await cli.connect();
  await client.call(
    'project.set-policy',
    { project, allow, deny },
    { signal: cli.interrupts.signal },
  );
  cli.stdout.write(`${project}\n`);
}

function allowOf(flags: SetFlags): PolicyChange {
  return {
    privileged: flags.allowPrivileged === true,
    hostNamespaces: flags.allowHostNamespaces === true,
    engineSocket: flags.allowEngineSocket === true,
    bindPaths: flags.allowBind ?? [],
    capabilities: flags.allowCapability ?? [],
  };
}

function denyOf(flags: SetFlags): PolicyChange {
  return {
    privileged: flags.denyPrivileged === true,
    hostNamespaces: flags.denyHostNamespaces === true,
    engineSocket: flags.denyEngineSocket === true,
    bindPaths: flags.denyBind ?? [],
    capabilities: flags.denyCapability ?? [],
  };
}

const header = [
  ...['PROJECT', 'PRIVILEGED', 'HOST NAMESPACES', 'BIND PATHS', 'CAPABILITIES'],
  'ENGINE SOCKET',
];

function showCommand(cli: Cli): Command {
  return new Command('show')
    .alias('ls')
    .description('Show the policy of a project, or of all projects that have one')
    .argument('[project]')
    .option('--format <format>', 'table, json, or a template')
    .action(async (project: string | undefined, { format }: { readonly format?: string }) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const args = project === undefined ? {} : { project };
      const settings = await client.call('project.settings', args, { signal });
      const shown = settings.filter(
        ({ policy }) => project !== undefined || Object.values(policy).flat().some(Boolean),
      );
      cli.stdout.write(formatList(format, header, shown.map(itemOf)));
    });
}

function itemOf({ project, policy }: ProjectSettings): ListItem {
  const flag = (value: boolean): string => (value ? 'allowed' : 'no');
  const list = (values: readonly string[]): string => values.join(',') || 'none';
  return {
    cells: [
      project,
      flag(policy.privileged),
      flag(policy.hostNamespaces),
      list(policy.bindPaths),
      list(policy.capabilities),
      flag(policy.engineSocket),
    ],
    record: {
      Project: project,
      Privileged: policy.privileged,
      HostNamespaces: policy.hostNamespaces,
      BindPaths: policy.bindPaths,
      Capabilities: policy.capabilities,
      EngineSocket: policy.engineSocket,
    },
  };
}

function resetCommand(cli: Cli): Command {
  return new Command('reset')
    .description('Remove the policy of projects: deployers get no right over machines')
    .argument('<project...>')
    .action(async (projects: readonly string[]) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      await forEachName(cli, projects, (project) =>
        client.call('project.set-policy', { project, reset: true }, { signal }),
      );
    });
}
