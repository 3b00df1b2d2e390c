import { Command, InvalidArgumentError, Option } from 'commander';
import type { CreateOptions } from '../../machine/create-options.js';

/*
 * docker-machine's commands and flags. Implementations are imported when a command runs, so that
 * `shoal --help` stays fast.
 */

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function port(value: string): number {
  const number = Number(value);
  if (/^\d+$/u.test(value) && number >= 1 && number <= 65_535) return number;
  throw new InvalidArgumentError('expected a port from 1 to 65535');
}

function seconds(value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('expected a number of seconds greater than 0');
}

function repeatable(flags: string, text: string): Option {
  return new Option(flags, text).argParser(collect).default([], 'none');
}

function createCommand(): Command {
  const command = new Command('create')
    .description('Provision Linux hosts over SSH as machines, one or several at once')
    .argument('[names...]', 'machine names, one per --generic-ip-address in the same order')
    .addOption(
      new Option('-d, --driver <name>', 'generic, or none for an existing engine')
        .env('MACHINE_DRIVER')
        .default('generic'),
    )
    .option('--url <url>', 'engine URL for driver none: tcp://ADDRESS:PORT')
    .addOption(
      repeatable('--generic-ip-address <address>', 'IP address, or a Host of ssh_config').env(
        'GENERIC_IP_ADDRESS',
      ),
    )
    .addOption(
      new Option(
        '--generic-ssh-user <user>',
        'SSH user: root, or a user with sudo (default: of ssh_config, else root)',
      ).env('GENERIC_SSH_USER'),
    )
    .addOption(
      new Option(
        '--generic-ssh-key <path>',
        'the key to offer: a private key, or the public key of one in the SSH agent (default: as ssh)',
      ).env('GENERIC_SSH_KEY'),
    )
    .addOption(
      new Option('--generic-ssh-port <port>', 'SSH port (default: of ssh_config, else 22)')
        .env('GENERIC_SSH_PORT')
        .argParser(port),
    )
    .addOption(
      repeatable('--generic-ssh-host-key <key>', 'host key of the machine: SHA256:… or public key'),
    )
    .addOption(
      new Option(
        '--generic-ssh-strict-host-key-checking <when>',
        'unknown host keys: ask (default on a terminal), accept-new (default otherwise) or yes: refuse',
      ).env('GENERIC_SSH_STRICT_HOST_KEY_CHECKING'),
    )
    .addOption(
      new Option('--generic-engine-port <port>', 'Docker Engine port')
        .env('GENERIC_ENGINE_PORT')
        .argParser(port)
        .default(2376),
    )
    .option('--no-engine-port', 'keep the port closed: the engine listens on its socket only');
  return withClusterFlags(withEngineFlags(command)).action(
    async (names: string[], _: unknown, command: Command) => {
      const { runMachineCreate } = await import('./create.js');
      await runMachineCreate(names, command.optsWithGlobals<CreateOptions>());
    },
  );
}

function withEngineFlags(command: Command): Command {
  return command
    .addOption(repeatable('--engine-label <key=value>', 'engine label'))
    .addOption(repeatable('--engine-opt <option=value>', 'dockerd flag without the leading dashes'))
    .addOption(repeatable('--engine-env <key=value>', 'environment variable of dockerd'))
    .addOption(repeatable('--engine-insecure-registry <registry>', 'registry without TLS'))
    .addOption(
      repeatable('--engine-registry-mirror <url>', 'mirror of Docker Hub').env(
        'ENGINE_REGISTRY_MIRROR',
      ),
    )
    .option('--engine-storage-driver <name>', 'engine storage driver', '')
    .addOption(repeatable('--tls-san <name>', 'extra names or addresses for the certificates'));
}

function withClusterFlags(command: Command): Command {
  return command
    .option('--swarm', 'join a cluster', false)
    .option(
      '--swarm-master',
      'create a cluster with this machine as manager (of several machines: the first)',
      false,
    )
    .option('--swarm-strategy <name>', 'scheduling strategy: spread, binpack or random', 'spread')
    .option(
      '--swarm-discovery <store>',
      'store of the managers: embedded, or consul://HOST:PORT[,HOST:PORT…][/PREFIX]',
      '',
    )
    .addOption(
      new Option(
        '--swarm-managers <count>',
        'number of managers among the new machines, starting with the first: 1, 3 or 5 (needs Consul)',
      ).argParser(Number),
    )
    .option('--consul-server', "run Consul servers on the managers' machines")
    .option('--consul-binary <path>', 'Consul binary to upload instead of the distribution package')
    .option('--consul-token <path>', 'file with the Consul ACL token')
    .option('--consul-ca <path>', 'CA certificate of Consul, for TLS')
    .option('--consul-cert <path>', 'client certificate for Consul')
    .option('--consul-key <path>', 'key of the client certificate')
    .option('--restore <backup>', 'replace a lost manager and restore its store from this backup')
    .option(
      '--restore-key <path>',
      "copy of the lost manager's cluster.key, required if the backup has encrypted values",
    )
    .option('--cluster <name>', 'name of the cluster to join or create')
    .option('--runtime <path>', 'Node.js binary for machines of another architecture');
}

function provisionCommands(): readonly Command[] {
  return [
    new Command('provision')
      .description(
        'Repeat the provisioning of machines; changes only what differs from the desired state',
      )
      .argument('<names...>')
      .option('--engine-port', 'open the port of the engine')
      .option('--no-engine-port', 'close it: the engine listens on its socket only')
      .option('--runtime <path>', 'Node.js binary for machines of another architecture')
      .action(async (names: string[], _: unknown, command: Command) => {
        const { provisionAgain } = await import('./create.js');
        await provisionAgain(names, command.optsWithGlobals(), false);
      }),
    new Command('regenerate-certs')
      .description('Renew the certificates of machines and restart the services that use them')
      .argument('<names...>')
      .option('-f, --force', 'do not ask for confirmation', false)
      .action(async (names: string[], _: unknown, command: Command) => {
        const { provisionAgain } = await import('./create.js');
        await provisionAgain(names, command.optsWithGlobals(), true);
      }),
    new Command('rm')
      .description('Uninstall Shoal from machines and remove their records; the engine stays')
      .argument('[names...]')
      .option(
        '-f, --force',
        'remove the record even if the machine is unreachable; neither drain it nor ask for confirmation',
        false,
      )
      .option('-y', 'do not ask for confirmation', false)
      .action(async (names: string[], _: unknown, command: Command) => {
        const { remove } = await import('./remove.js');
        await remove(names, command.optsWithGlobals());
      }),
  ];
}

function showCommands(): readonly Command[] {
  return [
    new Command('ls')
      .description('List machines')
      .option('-q, --quiet', 'only display names', false)
      .addOption(
        repeatable('--filter <key=value>', 'filter by swarm, driver, state, name or label'),
      )
      .option('-t, --timeout <seconds>', 'time limit for the answer of a machine', seconds, 10)
      .option('-f, --format <template>', 'format the output with a Go template')
      .action(async (_: unknown, command: Command) => {
        const { list } = await import('./show.js');
        await list(command.optsWithGlobals());
      }),
    new Command('inspect')
      .description('Display the record of a machine')
      .argument('[name]')
      .option('-f, --format <template>', 'format the output with a Go template')
      .action(async (name: string | undefined, _: unknown, command: Command) => {
        const { inspect } = await import('./show.js');
        await inspect(name, command.optsWithGlobals());
      }),
    ...(['ip', 'url', 'status'] as const).map((what) =>
      new Command(what)
        .description(
          {
            ip: 'Print the IP addresses of machines',
            url: 'Print the engine URLs of machines',
            status: 'Print the status of machines',
          }[what],
        )
        .argument('[names...]')
        .action(async (names: string[], _: unknown, command: Command) => {
          const { print } = await import('./show.js');
          await print(what, names, command.optsWithGlobals());
        }),
    ),
    new Command('active')
      .description('Print the machine that DOCKER_HOST points to')
      .option(
        '-t, --timeout <seconds>',
        'ignored; for compatibility with docker-machine',
        seconds,
        10,
      )
      .action(async (_: unknown, command: Command) => {
        const { active } = await import('./show.js');
        await active(command.optsWithGlobals());
      }),
  ];
}

function clientCommands(): readonly Command[] {
  return [
    new Command('env')
      .description('Print the commands that point docker at a machine')
      .argument('[name]')
      .option('--swarm', 'point docker at the whole cluster', false)
      .option('--shell <shell>', 'bash, fish, cmd, powershell, tcsh or emacs')
      .option('-u, --unset', 'unset the variables', false)
      .option('--no-proxy', 'add the machine to NO_PROXY')
      .action(async (name: string | undefined, _: unknown, command: Command) => {
        const { env } = await import('./env.js');
        await env(name, command.optsWithGlobals());
      }),
    new Command('config')
      .description('Print the flags that point docker at a machine')
      .argument('[name]')
      .option('--swarm', 'point docker at the whole cluster', false)
      .action(async (name: string | undefined, _: unknown, command: Command) => {
        const { machineConfig } = await import('./env.js');
        await machineConfig(name, command.optsWithGlobals());
      }),
    new Command('ssh')
      .description('Run a command or a login shell on a machine over SSH')
      .argument('[name]')
      .argument('[command...]')
      .passThroughOptions()
      .action(async (name: string | undefined, words: string[], _: unknown, command: Command) => {
        const { ssh } = await import('./remote.js');
        await ssh(name, words, command.optsWithGlobals());
      }),
    new Command('scp')
      .description('Copy files with scp; NAME:PATH is a path on a machine')
      .argument('<from>')
      .argument('<to>')
      .option('-r, --recursive', 'copy directories recursively', false)
      .option('-q, --quiet', 'do not show progress', false)
      .action(async (from: string, to: string, _: unknown, command: Command) => {
        const { scp } = await import('./remote.js');
        await scp(from, to, command.optsWithGlobals());
      }),
  ];
}

/** `shoal machine …`. */
export function machineCommand(): Command {
  const machine = new Command('machine')
    .description('Create, list, inspect and remove machines')
    .enablePositionalOptions()
    .option(
      '-s, --storage-path <folder>',
      'folder of machine records (SHOAL_HOME, default ~/.shoal)',
    );
  const commands = [
    createCommand(),
    ...showCommands(),
    ...clientCommands(),
    ...provisionCommands(),
  ];
  for (const command of commands) machine.addCommand(command);
  return machine;
}
