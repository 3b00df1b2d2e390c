import { access, readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import { humanDuration } from '../../../manager/common/base/human-duration.js';
import { AppError } from '../../../manager/common/base/errors.js';
import type { ClientRole } from '../../../manager/common/model/trust/client.js';
import { clientRoles } from '../../../manager/common/model/trust/client.js';
import { createPrivateKey, createRequest } from '../../../manager/common/pki/pki.js';
import type { IssuedClient } from '../../../manager/common/protocol/security.js';
import { forEachName } from '../../arguments/each.js';
import type { Cli } from '../../cli.js';
import { readSecret, requirePassphrase } from '../../output/secret-input.js';
import { writeClientFile } from '../../client/client-file.js';
import { findCluster } from '../../inventory/context.js';
import { MachineStore, resolveStoreFolder } from '../../inventory/machine-store.js';
import { parseLifetime } from '../../output/duration.js';
import { formatList } from '../../output/format.js';
import { replaceAnchors } from '../../machine/replace-anchors.js';

export function clientCommand(cli: Cli): Command {
  return new Command('client')
    .description('Manage the clients of the cluster and their rights')
    .addCommand(createCommand(cli))
    .addCommand(listCommand(cli))
    .addCommand(updateCommand(cli))
    .addCommand(renewCommand(cli))
    .addCommand(removeCommand(cli));
}

interface FileFlags {
  readonly output?: string;
  readonly passphraseFile: string;
  readonly expires?: string;
}

const roleOption = (): Option =>
  new Option('--role <role>', 'rights of the client').choices(clientRoles);

function withFile(command: Command): Command {
  return command
    .requiredOption('--passphrase-file <file>', 'file with the passphrase, - for stdin')
    .option('-o, --output <file>', 'file to write (default: NAME.shoal-client)');
}

/** Makes a key, has its request signed by `issue` and writes the file for the other computer. */
async function writeFileOf(
  cli: Cli,
  name: string,
  flags: FileFlags,
  issue: (request: string) => Promise<IssuedClient>,
): Promise<void> {
  const path = flags.output ?? `${name}.shoal-client`;
  const exists = await access(path).then(
    () => true,
    () => false,
  );
  if (exists) throw new AppError('conflict', `file ${path}: already exists; use --output`);
  const passphrase = await readSecret(cli, flags.passphraseFile, '--passphrase-file');
  // Before the certificate is issued: a client without a file would be of no use.
  requirePassphrase(passphrase);
  const { storagePath: home, cluster: clusterFlag } = cli.options;
  const context = await findCluster({ home, clusterFlag, env: cli.env });
  const store = new MachineStore(resolveStoreFolder(home, cli.env));
  const cluster = context && (await store.findCluster(context.name));
  if (context === undefined || cluster === undefined) {
    throw new AppError('not-found', 'no cluster of machines is configured; see "shoal cluster ls"');
  }
  const key = await createPrivateKey();
  const { client, chain } = await issue(await createRequest(key, name));
  const ca = await readFile(context.caPath, 'utf8');
  await writeClientFile(path, { cluster, client: name, ca, cert: chain, key }, passphrase);
  cli.stdout.write(`${path}\n`);
  const left = humanDuration(client.expiresAt - cli.now()).toLowerCase();
  cli.stderr.write(`valid for ${left}; on the other computer run "shoal cluster import ${path}"\n`);
}

function createCommand(cli: Cli): Command {
  const command = new Command('create')
    .description('Create a client and write a file with its certificate for another computer')
    .argument('<name>')
    .addOption(roleOption().default('read'))
    .option('--project <name...>', 'limit the client to these projects')
    .option('--expires <duration>', 'lifetime of the certificate', '90d');
  return withFile(command).action(
    async (
      name: string,
      flags: FileFlags & { readonly role: ClientRole; readonly project?: readonly string[] },
    ) => {
      const lifetimeMs = parseLifetime('--expires', flags.expires ?? '90d');
      const { role, project: projects = [] } = flags;
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      await writeFileOf(cli, name, flags, (request) =>
        client.call('client.create', { name, role, projects, lifetimeMs, request }, { signal }),
      );
    },
  );
}

function renewCommand(cli: Cli): Command {
  const command = new Command('renew')
    .description('Write a file with a further certificate; the last one stays valid')
    .argument('<name>')
    .option('--expires <duration>', 'lifetime of the certificate (default: as before)');
  return withFile(command).action(async (name: string, flags: FileFlags) => {
    const { expires } = flags;
    const lifetime =
      expires === undefined ? {} : { lifetimeMs: parseLifetime('--expires', expires) };
    const client = await cli.connect();
    const { signal } = cli.interrupts;
    await writeFileOf(cli, name, flags, (request) =>
      client.call('client.renew', { name, request, ...lifetime }, { signal }),
    );
  });
}

function listCommand(cli: Cli): Command {
  return new Command('ls')
    .alias('list')
    .description('List clients with their rights')
    .option('-q, --quiet', 'only display names')
    .option('--format <format>', 'table, json, or a template')
    .action(async (flags: { readonly quiet?: boolean; readonly format?: string }) => {
      const client = await cli.connect();
      const clients = await client.call('client.list', {}, { signal: cli.interrupts.signal });
      if (flags.quiet === true) {
        cli.stdout.write(clients.map(({ name }) => `${name}\n`).join(''));
        return;
      }
      const items = clients.map(({ name, role, projects, expiresAt, serials }) => {
        const left = expiresAt - cli.now();
        const expires = left <= 0 ? 'expired' : `in ${humanDuration(left).toLowerCase()}`;
        return {
          cells: [name, role, projects.join(',') || 'all', expires],
          record: {
            Name: name,
            Role: role,
            Projects: projects,
            ExpiresAt: new Date(expiresAt).toISOString(),
            Serials: serials,
          },
        };
      });
      cli.stdout.write(formatList(flags.format, ['NAME', 'ROLE', 'PROJECTS', 'EXPIRES'], items));
    });
}

function updateCommand(cli: Cli): Command {
  return new Command('update')
    .description('Change the rights of a client; its open streams end')
    .argument('<name>')
    .addOption(roleOption())
    .option('--project <name...>', 'limit the client to these projects')
    .option('--all-projects', 'lift the limit')
    .action(
      async (
        name: string,
        flags: {
          readonly role?: ClientRole;
          readonly project?: readonly string[];
          readonly allProjects?: boolean;
        },
      ) => {
        const projects = flags.allProjects === true ? [] : flags.project;
        const client = await cli.connect();
        const { role } = flags;
        const change = {
          name,
          ...(role === undefined ? {} : { role }),
          ...(projects === undefined ? {} : { projects }),
        };
        await client.call('client.update', change, { signal: cli.interrupts.signal });
        cli.stdout.write(`${name}\n`);
      },
    );
}

function removeCommand(cli: Cli): Command {
  return new Command('rm')
    .alias('remove')
    .description('Revoke clients at once and end their open streams')
    .argument('<name...>')
    .option('--keep-engine-ca', 'do not replace the CA that engines trust for their port')
    .action(async (names: readonly string[], flags: { readonly keepEngineCa?: boolean }) => {
      const client = await cli.connect();
      const { signal } = cli.interrupts;
      const removed: string[] = [];
      try {
        await forEachName(cli, names, async (name) => {
          await client.call('client.remove', { name }, { signal });
          removed.push(name);
        });
      } finally {
        if (removed.length > 0 && flags.keepEngineCa !== true) await replaceAnchors(cli, 'cluster');
      }
    });
}
