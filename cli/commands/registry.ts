import type { Command } from 'commander';
import type { Cli } from '../cli.js';

export interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly summary: string;
  /** Loads the command's own file: only the one that is called is read. */
  readonly load: () => Promise<(cli: Cli) => Command>;
}

/** Every command, in the order of `shoal --help`. */
export const commandEntries: readonly CommandEntry[] = [
  {
    name: 'attach',
    summary: "Attach to a service's running container",
    load: async () => (await import('./attach.js')).attachCommand,
  },
  {
    name: 'audit',
    summary: 'Say who changed what in the cluster, and when',
    load: async () => (await import('./audit.js')).auditCommand,
  },
  {
    name: 'build',
    summary: 'Build or rebuild services',
    load: async () => (await import('./build.js')).buildCommand,
  },
  {
    name: 'ca',
    summary: 'Look after certificates and the keys that make and seal',
    load: async () => (await import('./ca.js')).caCommand,
  },
  {
    name: 'cluster',
    summary: 'List clusters and choose the one to act on',
    load: async () => (await import('./cluster.js')).clusterCommand,
  },
  {
    name: 'commit',
    summary: "Create a new image from a service container's changes",
    load: async () => (await import('./commit.js')).commitCommand,
  },
  {
    name: 'completion',
    summary: 'Print the completion script of a shell',
    load: async () => (await import('./completion.js')).completionCommand,
  },
  {
    name: 'config',
    summary: 'Parse, resolve and render the Compose file in canonical form',
    load: async () => (await import('./config-command.js')).configCommand,
  },
  {
    name: 'config-object',
    summary: 'Manage configs of the cluster, for services that take them as external',
    load: async () => (await import('./data-object.js')).configObjectCommand,
  },
  {
    name: 'dashboard',
    alias: 'dash',
    summary: 'Watch and steer the whole cluster in this terminal',
    load: async () => (await import('./dashboard.js')).dashboardCommand,
  },
  {
    name: 'create',
    summary: 'Create containers without starting them',
    load: async () => (await import('./create.js')).createCommand,
  },
  {
    name: 'cp',
    summary: 'Copy files between a container and this computer',
    load: async () => (await import('./cp.js')).cpCommand,
  },
  {
    name: 'describe',
    summary: 'Say all that is known of a service, container, machine or other thing',
    load: async () => (await import('./describe.js')).describeCommand,
  },
  {
    name: 'doctor',
    summary: 'Check machines and the way between them, and say what to do',
    load: async () => (await import('./doctor.js')).doctorCommand,
  },
  {
    name: 'down',
    summary: 'Stop and remove containers and networks',
    load: async () => (await import('./down.js')).downCommand,
  },
  {
    name: 'env',
    summary: 'Print the variables that point docker at the whole cluster',
    load: async () => (await import('./env.js')).envCommand,
  },
  {
    name: 'events',
    summary: 'Receive real-time events from containers',
    load: async () => (await import('./events.js')).eventsCommand,
  },
  {
    name: 'exec',
    summary: 'Execute a command in a running container',
    load: async () => (await import('./exec.js')).execCommand,
  },
  {
    name: 'explain',
    summary: "Say where a service's tasks are and why, or why they are not",
    load: async () => (await import('./explain.js')).explainCommand,
  },
  {
    name: 'export',
    summary: "Export a container's file system as a tar archive",
    load: async () => (await import('./export.js')).exportCommand,
  },
  {
    name: 'images',
    summary: 'List images used by the created containers',
    load: async () => (await import('./images.js')).imagesCommand,
  },
  {
    name: 'join',
    summary: 'Make this machine a node of a cluster, by a token',
    load: async () => (await import('./join.js')).joinCommand,
  },
  {
    name: 'kill',
    summary: 'Force stop service containers',
    load: async () => (await import('./kill.js')).killCommand,
  },
  {
    name: 'local',
    summary: "Start, stop or show the cluster of this computer's own engine",
    load: async () => (await import('./local.js')).localCommand,
  },
  {
    name: 'logs',
    summary: 'View output from containers',
    load: async () => (await import('./logs.js')).logsCommand,
  },
  {
    name: 'ls',
    summary: 'List running projects',
    load: async () => (await import('./ls.js')).lsCommand,
  },
  {
    name: 'machine',
    summary: 'Create and manage machines',
    load: async () => {
      const { machineCommand } = await import('./machine/machine.js');
      return () => machineCommand();
    },
  },
  {
    name: 'manager',
    summary: 'List managers, add and remove them',
    load: async () => (await import('./manager.js')).managerCommand,
  },
  {
    name: 'network',
    summary: 'Manage networks',
    load: async () => (await import('./network.js')).networkCommand,
  },
  {
    name: 'node',
    summary: 'Manage the nodes of the cluster',
    load: async () => (await import('./node.js')).nodeCommand,
  },
  {
    name: 'pause',
    summary: 'Pause services',
    load: async () => (await import('./pause.js')).pauseCommand,
  },
  {
    name: 'port',
    summary: 'Print the public address of a port',
    load: async () => (await import('./port.js')).portCommand,
  },
  {
    name: 'ps',
    summary: 'List containers',
    load: async () => (await import('./ps.js')).psCommand,
  },
  {
    name: 'pull',
    summary: 'Pull service images',
    load: async () => (await import('./pull.js')).pullCommand,
  },
  {
    name: 'push',
    summary: 'Push service images',
    load: async () => (await import('./push.js')).pushCommand,
  },
  {
    name: 'restart',
    summary: 'Restart service containers',
    load: async () => (await import('./restart.js')).restartCommand,
  },
  {
    name: 'rm',
    summary: 'Remove stopped service containers',
    load: async () => (await import('./rm.js')).rmCommand,
  },
  {
    name: 'roll',
    summary: 'Replace containers by new ones, a few at a time',
    load: async () => (await import('./rolling.js')).rollCommand,
  },
  {
    name: 'rollback',
    summary: 'Go back to what services were before their last change',
    load: async () => (await import('./rolling.js')).rollbackCommand,
  },
  {
    name: 'run',
    summary: 'Run a one-off command on a service',
    load: async () => (await import('./run.js')).runCommand,
  },
  {
    name: 'scale',
    summary: 'Scale services',
    load: async () => (await import('./scale.js')).scaleCommand,
  },
  {
    name: 'secret',
    summary: 'Manage secrets of the cluster, for services that take them as external',
    load: async () => (await import('./data-object.js')).secretCommand,
  },
  {
    name: 'start',
    summary: 'Start services',
    load: async () => (await import('./start.js')).startCommand,
  },
  {
    name: 'stats',
    summary: 'Display a live stream of what containers use',
    load: async () => (await import('./stats.js')).statsCommand,
  },
  {
    name: 'stop',
    summary: 'Stop services',
    load: async () => (await import('./stop.js')).stopCommand,
  },
  {
    name: 'store',
    summary: "Back up, restore and move the cluster's store",
    load: async () => (await import('./store.js')).storeCommand,
  },
  {
    name: 'token',
    summary: 'Manage tokens by which machines join on their own',
    load: async () => (await import('./token.js')).tokenCommand,
  },
  {
    name: 'top',
    summary: 'Display the running processes',
    load: async () => (await import('./top.js')).topCommand,
  },
  {
    name: 'unpause',
    summary: 'Unpause services',
    load: async () => (await import('./pause.js')).unpauseCommand,
  },
  {
    name: 'up',
    summary: 'Create and start containers',
    load: async () => (await import('./up.js')).upCommand,
  },
  {
    name: 'version',
    summary: 'Show the version',
    load: async () => (await import('./version.js')).versionCommand,
  },
  {
    name: 'volume',
    summary: 'Manage volumes',
    load: async () => (await import('./volume.js')).volumeCommand,
  },
  {
    name: 'volumes',
    summary: 'List volumes of the project',
    load: async () => (await import('./volumes.js')).volumesCommand,
  },
  {
    name: 'wait',
    summary: 'Block until containers of services stop',
    load: async () => (await import('./wait.js')).waitCommand,
  },
  {
    name: 'watch',
    summary: 'Bring changed files into containers, or build anew, as they change',
    load: async () => (await import('./watch.js')).watchCommand,
  },
];
