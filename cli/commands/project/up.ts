import { Command, Option } from 'commander';
import type { Cli } from '../../cli.js';
import { collect } from '../../arguments/options.js';
import type { UpFlags } from '../../rollout/up-flags.js';
import { up } from '../../rollout/up.js';

export function upCommand(cli: Cli): Command {
  return new Command('up')
    .description('Create and start containers, spread over the nodes')
    .argument('[services...]')
    .option('-d, --detach', 'run containers in the background')
    .option('--wait', 'wait for services to be running or healthy; implies -d')
    .option('--wait-timeout <seconds>', 'maximum time to wait, in seconds')
    .option('--scale <service=num>', 'number of containers of a service', collect)
    .option('--remove-orphans', 'remove containers for services not defined in the Compose file')
    .option('--force-recreate', 'recreate containers even if their configuration has not changed')
    .option('--always-recreate-deps', 'recreate the dependencies of the named services too')
    .option('-V, --renew-anon-volumes', 'recreate containers with new anonymous volumes')
    .option('--no-recreate', 'do not recreate existing containers')
    .option('--no-start', "don't start the services after creating them")
    .option('--no-deps', "don't start linked services")
    .option('--build', 'build images before starting containers')
    .option('--no-build', "don't build an image, even if it is missing")
    .option('--pull <policy>', 'pull images before running: always, missing or never')
    .option('--quiet-pull', 'pull without progress')
    .option('--quiet-build', 'build without output')
    .option('-t, --timeout <seconds>', 'shutdown timeout of a container in seconds')
    .option('--abort-on-container-exit', 'stop all containers if one exits')
    .option('--abort-on-container-failure', 'stop all containers if one fails')
    .option('--exit-code-from <service>', "exit with the service's exit code")
    .option('--attach <service>', 'show the output of this service only', collect)
    .option('--attach-dependencies', 'show the output of dependencies of the named services too')
    .addOption(noAttachOption())
    .option('--no-color', 'produce monochrome output')
    .option('--no-log-prefix', "don't print the container's name")
    .option('--timestamps', 'show timestamps')
    .option('--menu', 'accepted, without effect: Ctrl-C stops, "--watch" watches')
    .option('-w, --watch', 'sync changed files into the containers as they change')
    .option('-y, --yes', 'answer yes to every question; "up" asks none')
    .action(async (services: string[], flags: UpFlags) => {
      await up(cli, services, flags);
    });
}

/** `--no-attach SERVICE` takes a value; commander would read it as the opposite of `--attach`. */
function noAttachOption(): Option {
  const option = new Option('--no-attach <service>', 'do not show the output of this service');
  option.negate = false;
  return option.argParser(collect);
}
