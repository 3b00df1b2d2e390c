import { Command, InvalidArgumentError, Option } from 'commander';
import type { CreateOptions } from '../../arguments/machine-options.js';

/*
 * docker-machine's commands and flags. What does the work is imported when a command runs, so that
 * `shoal --help` loads none of it.
 */

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function port(value: string): number {
  const number = Number(value);
  if (/^\d+$/u.test(value) && number >= 1 && number <= 65_535) return number;
  throw new InvalidArgumentError('expected a port, 1 to 65535');
}

function seconds(value: string): number {
  const number = Number(value);
  if (Number.isFinite(number) && number > 0) return number;
  throw new InvalidArgumentError('expected seconds, more than 0');
}

function repeatable(flags: string, text: string): Option {
  return new Option(flags, text).argParser(collect).default([], 'none');
}

function createCommand(): Command {
  const command = new Command('create')
    .description('make machines out of Linux hosts that ssh reaches, several at once if wanted')
    .argument('[names...]', 'a name for each --generic-ip-address, in their order')
    .addOption(
      new Option('-d, --driver <name>', 'generic, or none for an engine that already listens')
        .env('MACHINE_DRIVER')
        .default('generic'),
    )
    .option('--url <url>', 'driver none: tcp://ADDRESS:PORT of the engine')
    .addOption(
      repeatable('--generic-ip-address <address>', 'address of a machine').env(
        'GENERIC_IP_ADDRESS',
      ),
    )
    .addOption(
      new Option('--generic-ssh-user <user>', 'root, or a user with passwordless sudo')
        .env('GENERIC_SSH_USER')
        .default('root'),
    )
    .addOption(
      new Option('--generic-ssh-key <path>', 'private key; without it the ssh agent').env(
        'GENERIC_SSH_KEY',
      ),
    )
    .addOption(
      new Option('--generic-ssh-port <port>', 'port of sshd')
        .env('GENERIC_SSH_PORT')
        .argParser(port)
        .default(22),
    )
    .addOption(
      new Option('--generic-engine-port <port>', 'port the engine is to listen on')
        .env('GENERIC_ENGINE_PORT')
        .argParser(port)
        .default(2376),
    );
  return withClusterFlags(withEngineFlags(command)).action(
    async (names: string[], _: unknown, command: Command) => {
      const { create } = await import('./create.js');
      await create(names, command.optsWithGlobals<CreateOptions>());
    },
  );
}

function withEngineFlags(command: Command): Command {
  return command
    .addOption(repeatable('--engine-label <key=value>', 'label of the engine'))
    .addOption(repeatable('--engine-opt <option=value>', 'flag of dockerd without its dashes'))
    .addOption(repeatable('--engine-env <key=value>', 'variable in the environment of dockerd'))
    .addOption(repeatable('--engine-insecure-registry <registry>', 'registry without TLS'))
    .addOption(
      repeatable('--engine-registry-mirror <url>', 'mirror of Docker Hub').env(
        'ENGINE_REGISTRY_MIRROR',
      ),
    )
    .option('--engine-storage-driver <name>', 'storage driver of the engine', '')
    .addOption(repeatable('--tls-san <name>', 'more names and addresses for the certificates'));
}

function withClusterFlags(command: Command): Command {
  return command
    .option('--swarm', 'join a cluster', false)
    .option(
      '--swarm-master',
      'be the manager of a new cluster (of several machines: the first)',
      false,
    )
    .option('--swarm-strategy <name>', 'spread, binpack or random', 'spread')
    .option(
      '--swarm-discovery <store>',
      'where managers keep the state: embedded, or consul://HOST:PORT[,HOST:PORT…][/PREFIX]',
      '',
    )
    .addOption(
      new Option(
        '--swarm-managers <count>',
        'how many of the new machines, from the first, are managers (1, 3 or 5; needs Consul)',
      ).argParser(Number),
    )
    .option('--consul-server', "run Consul itself on the managers' machines")
    .option(
      '--consul-binary <path>',
      'the Consul to run there, in place of the one of the distribution',
    )
    .option('--consul-token <path>', "file with Consul's access token")
    .option('--consul-ca <path>', 'authority of Consul, for TLS to it')
    .option('--consul-cert <path>', 'certificate to show Consul')
    .option('--consul-key <path>', 'key of that certificate')
    .option(
      '--restore <backup>',
      'be the manager in place of one that is lost, with the store from this backup',
    )
    .option('--restore-key <path>', "the lost manager's cluster.key, for secrets in the backup")
    .option('--cluster <name>', 'the cluster to join or make')
    .option('--runtime <path>', 'bin/node for machines of another architecture');
}

function provisionCommands(): readonly Command[] {
  return [
    new Command('provision')
      .description('do again what create does; changes only what is not as it should be')
      .argument('<names...>')
      .option('--runtime <path>', 'bin/node for machines of another architecture')
      .action(async (names: string[], _: unknown, command: Command) => {
        const { provisionAgain } = await import('./create.js');
        await provisionAgain(names, command.optsWithGlobals(), false);
      }),
    new Command('regenerate-certs')
      .description('issue new certificates for machines and restart what uses them')
      .argument('<names...>')
      .option('-f, --force', 'do not ask', false)
      .action(async (names: string[], _: unknown, command: Command) => {
        const { provisionAgain } = await import('./create.js');
        await provisionAgain(names, command.optsWithGlobals(), true);
      }),
    new Command('rm')
      .description('take everything off machines but the engine, then forget them')
      .argument('[names...]')
      .option('-f, --force', 'forget a machine even when it cannot be reached; do not ask', false)
      .option('-y', 'do not ask', false)
      .action(async (names: string[], _: unknown, command: Command) => {
        const { remove } = await import('./remove.js');
        await remove(names, command.optsWithGlobals());
      }),
  ];
}

function showCommands(): readonly Command[] {
  return [
    new Command('ls')
      .description('list machines')
      .option('-q, --quiet', 'names only', false)
      .addOption(repeatable('--filter <key=value>', 'swarm, driver, state, name or label'))
      .option('-t, --timeout <seconds>', 'how long a machine may take to answer', seconds, 10)
      .option('-f, --format <template>', 'print with a Go template')
      .action(async (_: unknown, command: Command) => {
        const { list } = await import('./show.js');
        await list(command.optsWithGlobals());
      }),
    new Command('inspect')
      .description('show what is recorded of a machine')
      .argument('[name]')
      .option('-f, --format <template>', 'print with a Go template')
      .action(async (name: string | undefined, _: unknown, command: Command) => {
        const { inspect } = await import('./show.js');
        await inspect(name, command.optsWithGlobals());
      }),
    ...(['ip', 'url', 'status'] as const).map((what) =>
      new Command(what)
        .description(
          {
            ip: 'print addresses of machines',
            url: 'print engine urls of machines',
            status: 'print whether machines run',
          }[what],
        )
        .argument('[names...]')
        .action(async (names: string[], _: unknown, command: Command) => {
          const { print } = await import('./show.js');
          await print(what, names, command.optsWithGlobals());
        }),
    ),
    new Command('active')
      .description('print the machine that DOCKER_HOST points to')
      .option('-t, --timeout <seconds>', 'accepted for docker-machine', seconds, 10)
      .action(async (_: unknown, command: Command) => {
        const { active } = await import('./show.js');
        await active(command.optsWithGlobals());
      }),
  ];
}

function clientCommands(): readonly Command[] {
  return [
    new Command('env')
      .description('print the commands that point docker at a machine')
      .argument('[name]')
      .option('--swarm', 'point it at the cluster', false)
      .option('--shell <shell>', 'bash, fish, cmd, powershell, tcsh or emacs')
      .option('-u, --unset', 'take the variables back', false)
      .option('--no-proxy', 'add the machine to NO_PROXY')
      .action(async (name: string | undefined, _: unknown, command: Command) => {
        const { env } = await import('./env.js');
        await env(name, command.optsWithGlobals());
      }),
    new Command('config')
      .description('print the flags that point docker at a machine')
      .argument('[name]')
      .option('--swarm', 'point it at the cluster', false)
      .action(async (name: string | undefined, _: unknown, command: Command) => {
        const { config } = await import('./env.js');
        await config(name, command.optsWithGlobals());
      }),
    new Command('ssh')
      .description('run a command on a machine, or a shell')
      .argument('[name]')
      .argument('[command...]')
      .passThroughOptions()
      .action(async (name: string | undefined, words: string[], _: unknown, command: Command) => {
        const { ssh } = await import('./remote.js');
        await ssh(name, words, command.optsWithGlobals());
      }),
    new Command('scp')
      .description('copy files; write a path on a machine as NAME:PATH')
      .argument('<from>')
      .argument('<to>')
      .option('-r, --recursive', 'whole folders', false)
      .option('-q, --quiet', 'no progress', false)
      .action(async (from: string, to: string, _: unknown, command: Command) => {
        const { scp } = await import('./remote.js');
        await scp(from, to, command.optsWithGlobals());
      }),
  ];
}

/** `shoal machine …`. */
export function machineCommand(): Command {
  const machine = new Command('machine')
    .description('machines: create, list, look into, remove')
    .enablePositionalOptions()
    .option('-s, --storage-path <folder>', 'the store of machines (SHOAL_HOME, ~/.shoal)');
  const commands = [
    createCommand(),
    ...showCommands(),
    ...clientCommands(),
    ...provisionCommands(),
  ];
  for (const command of commands) machine.addCommand(command);
  return machine;
}
