import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Command } from 'commander';
import { AppError, messageOf } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import type { ClusterContext } from '../../inventory/context.js';
import type { TcpEndpoint } from '../../inventory/engine-client.js';
import { checkManagerTls } from '../../inventory/engine-client.js';
import { bracketIpv6 } from '../../inventory/machine-record.js';
import type { EnvVariable } from '../../inventory/shell-env.js';
import { pickShell, renderEnvironment } from '../../inventory/shell-env.js';
import { contextFor } from '../../local/connect.js';

interface EnvFlags {
  readonly shell?: string;
  readonly unset?: boolean;
}

/** Unset by `--unset`. Only `machine env` sets the last one; `env` clears it. */
const names = [
  'DOCKER_TLS_VERIFY',
  'DOCKER_HOST',
  'DOCKER_CERT_PATH',
  'DOCKER_MACHINE_NAME',
] as const;

const timeoutMs = 5_000;

export function envCommand(cli: Cli): Command {
  return new Command('env')
    .description('Print the environment variables that point docker at the whole cluster')
    .option('--shell <shell>', 'shell syntax to print (default: from $SHELL)')
    .option('-u, --unset', 'print commands that unset the variables')
    .action(async ({ shell: wanted, unset }: EnvFlags) => {
      const shell = pickShell(wanted, cli.env.SHELL);
      const variables =
        unset === true ? unsetVariables : await clusterVariables(await contextFor(cli, {}));
      const command = unset === true ? 'shoal env --unset' : 'shoal env';
      cli.stdout.write(renderEnvironment(shell, variables, command));
    });
}

const unsetVariables: readonly EnvVariable[] = names.map((name) => ({ name, value: undefined }));

async function clusterVariables(context: ClusterContext): Promise<readonly EnvVariable[]> {
  const { host, port } = await firstReachable(context);
  return [
    { name: 'DOCKER_TLS_VERIFY', value: '1' },
    { name: 'DOCKER_HOST', value: `tcp://${bracketIpv6(host)}:${String(port)}` },
    { name: 'DOCKER_CERT_PATH', value: dirname(context.certPath) },
    { name: 'DOCKER_MACHINE_NAME', value: undefined },
  ];
}

/**
 * Returns the first manager that answers. Verifies TLS like docker, including the address in the
 * certificate; any manager serves the API.
 */
async function firstReachable(context: ClusterContext): Promise<TcpEndpoint> {
  const [ca, cert, key] = await Promise.all(
    [context.caPath, context.certPath, context.keyPath].map((path) => readFile(path, 'utf8')),
  );
  const credentials = { ca: ca ?? '', cert: cert ?? '', key: key ?? '' };
  const failures: string[] = [];
  for (const manager of context.managers) {
    const url = new URL(manager);
    const endpoint = { host: url.hostname.replaceAll(/^\[|\]$/gu, ''), port: Number(url.port) };
    try {
      await checkManagerTls(endpoint, credentials, timeoutMs);
      return endpoint;
    } catch (error) {
      failures.push(`${url.host}: ${messageOf(error)}`);
    }
  }
  throw new AppError(
    'unavailable',
    `cluster ${context.name}: no manager is reachable (${failures.join('; ')}); check that a manager is running`,
  );
}
