import type { Command } from 'commander';
import type { Cli } from '../cli.js';

export interface CommandEntry {
  readonly name: string;
  readonly alias?: string;
  readonly summary: string;
  /**
   * Supports `--dry-run`: it changes nothing outside the cluster but what it checks for itself, and
   * DryRunClient plans its calls.
   */
  readonly dryRun?: true;
  /** Imports the command's module; only the invoked command is loaded. */
  readonly load: () => Promise<(cli: Cli) => Command>;
}

/** Every command, in the order of `shoal --help`. */
export const commandEntries: readonly CommandEntry[] = [
  {
    name: 'attach',
    summary: "Attach to a service's running container",
    dryRun: true,
    load: async () => (await import('./container/attach.js')).attachCommand,
  },
  {
    name: 'audit',
    summary: 'List requests of clients: who made them, when, from where, with which result',
    dryRun: true,
    load: async () => (await import('./trust/audit.js')).auditCommand,
  },
  {
    name: 'bridge',
    summary: 'Not supported: run "docker compose bridge" on the same files',
    load: async () => (await import('./project/refused.js')).bridgeCommand,
  },
  {
    name: 'build',
    summary: 'Build or rebuild services',
    dryRun: true,
    load: async () => (await import('./project/build.js')).buildCommand,
  },
  {
    name: 'ca',
    summary: 'Manage the cluster CA, its certificates and the encryption key',
    load: async () => (await import('./trust/ca.js')).caCommand,
  },
  {
    name: 'client',
    summary: 'Manage the clients of the cluster and their rights',
    load: async () => (await import('./trust/client.js')).clientCommand,
  },
  {
    name: 'cluster',
    summary: 'List clusters and select the current one',
    load: async () => (await import('./cluster/cluster.js')).clusterCommand,
  },
  {
    name: 'commit',
    summary: "Create a new image from a service container's changes",
    dryRun: true,
    load: async () => (await import('./container/commit.js')).commitCommand,
  },
  {
    name: 'completion',
    summary: 'Print the shell completion script',
    load: async () => (await import('./cluster/completion.js')).completionCommand,
  },
  {
    name: 'config',
    summary: 'Parse, resolve and render the Compose file in canonical form',
    dryRun: true,
    load: async () => (await import('./project/config.js')).configCommand,
  },
  {
    name: 'config-object',
    summary: 'Manage configs of the cluster, for use as external configs',
    dryRun: true,
    load: async () => (await import('./data/data-object.js')).configObjectCommand,
  },
  {
    name: 'dashboard',
    alias: 'dash',
    summary: 'Monitor and manage the whole cluster in this terminal',
    load: async () => (await import('./cluster/dashboard.js')).dashboardCommand,
  },
  {
    name: 'create',
    summary: 'Create containers without starting them',
    dryRun: true,
    load: async () => (await import('./project/create.js')).createCommand,
  },
  {
    name: 'cp',
    summary: 'Copy files between a container and this computer',
    dryRun: true,
    load: async () => (await import('./container/cp.js')).cpCommand,
  },
  {
    name: 'describe',
    summary: 'Show details of a service, container, machine or other object',
    dryRun: true,
    load: async () => (await import('./cluster/describe.js')).describeCommand,
  },
  {
    name: 'doctor',
    summary: 'Check machines and the network between them',
    load: async () => (await import('./cluster/doctor.js')).doctorCommand,
  },
  {
    name: 'down',
    summary: 'Stop and remove containers and networks',
    dryRun: true,
    load: async () => (await import('./project/down.js')).downCommand,
  },
  {
    name: 'env',
    summary: 'Print the environment variables that point docker at the whole cluster',
    load: async () => (await import('./cluster/env.js')).envCommand,
  },
  {
    name: 'events',
    summary: 'Receive real-time events from containers',
    dryRun: true,
    load: async () => (await import('./container/events.js')).eventsCommand,
  },
  {
    name: 'exec',
    summary: 'Execute a command in a running container',
    dryRun: true,
    load: async () => (await import('./container/exec.js')).execCommand,
  },
  {
    name: 'explain',
    summary: "Explain the placement of a service's tasks, or why they are pending",
    dryRun: true,
    load: async () => (await import('./cluster/explain.js')).explainCommand,
  },
  {
    name: 'export',
    summary: "Export a container's file system as a tar archive",
    dryRun: true,
    load: async () => (await import('./container/export.js')).exportCommand,
  },
  {
    name: 'images',
    summary: 'List images used by the created containers',
    dryRun: true,
    load: async () => (await import('./project/images.js')).imagesCommand,
  },
  {
    name: 'join',
    summary: 'Join this machine to a cluster as a node',
    load: async () => (await import('./cluster/join.js')).joinCommand,
  },
  {
    name: 'kill',
    summary: 'Force stop service containers',
    dryRun: true,
    load: async () => (await import('./project/kill.js')).killCommand,
  },
  {
    name: 'local',
    summary: "Manage the local cluster on this computer's engine",
    load: async () => (await import('./cluster/local.js')).localCommand,
  },
  {
    name: 'logs',
    summary: 'View output from containers',
    dryRun: true,
    load: async () => (await import('./container/logs.js')).logsCommand,
  },
  {
    name: 'ls',
    summary: 'List running projects',
    dryRun: true,
    load: async () => (await import('./project/ls.js')).lsCommand,
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
    summary: 'List, add and remove managers',
    load: async () => (await import('./cluster/manager.js')).managerCommand,
  },
  {
    name: 'network',
    summary: 'Manage networks',
    dryRun: true,
    load: async () => (await import('./data/network.js')).networkCommand,
  },
  {
    name: 'node',
    summary: 'Manage the nodes of the cluster',
    dryRun: true,
    load: async () => (await import('./cluster/node.js')).nodeCommand,
  },
  {
    name: 'pause',
    summary: 'Pause services',
    dryRun: true,
    load: async () => (await import('./project/pause.js')).pauseCommand,
  },
  {
    name: 'port',
    summary: 'Print the public address of a port',
    dryRun: true,
    load: async () => (await import('./project/port.js')).portCommand,
  },
  {
    name: 'ps',
    summary: 'List containers',
    dryRun: true,
    load: async () => (await import('./project/ps.js')).psCommand,
  },
  {
    name: 'publish',
    summary: 'Not supported: share the output of "shoal config"',
    load: async () => (await import('./project/refused.js')).publishCommand,
  },
  {
    name: 'project',
    summary: 'Manage what a project may use',
    dryRun: true,
    load: async () => (await import('./trust/project.js')).projectCommand,
  },
  {
    name: 'pull',
    summary: 'Pull service images',
    dryRun: true,
    load: async () => (await import('./project/pull.js')).pullCommand,
  },
  {
    name: 'push',
    summary: 'Push service images',
    dryRun: true,
    load: async () => (await import('./project/push.js')).pushCommand,
  },
  {
    name: 'restart',
    summary: 'Restart service containers',
    dryRun: true,
    load: async () => (await import('./project/restart.js')).restartCommand,
  },
  {
    name: 'rm',
    summary: 'Remove stopped service containers',
    dryRun: true,
    load: async () => (await import('./project/rm.js')).rmCommand,
  },
  {
    name: 'roll',
    summary: 'Replace containers gradually in a rolling update',
    dryRun: true,
    load: async () => (await import('./project/rolling.js')).rollCommand,
  },
  {
    name: 'rollback',
    summary: 'Roll services back to their previous spec',
    dryRun: true,
    load: async () => (await import('./project/rolling.js')).rollbackCommand,
  },
  {
    name: 'run',
    summary: 'Run a one-off command on a service',
    dryRun: true,
    load: async () => (await import('./project/run.js')).runCommand,
  },
  {
    name: 'scale',
    summary: 'Scale services',
    dryRun: true,
    load: async () => (await import('./project/scale.js')).scaleCommand,
  },
  {
    name: 'secret',
    summary: 'Manage secrets of the cluster, for use as external secrets',
    dryRun: true,
    load: async () => (await import('./data/data-object.js')).secretCommand,
  },
  {
    name: 'start',
    summary: 'Start services',
    dryRun: true,
    load: async () => (await import('./project/start.js')).startCommand,
  },
  {
    name: 'stats',
    summary: 'Display a live stream of container resource usage',
    dryRun: true,
    load: async () => (await import('./container/stats.js')).statsCommand,
  },
  {
    name: 'stop',
    summary: 'Stop services',
    dryRun: true,
    load: async () => (await import('./project/stop.js')).stopCommand,
  },
  {
    name: 'store',
    summary: "Back up, restore and migrate the cluster's store",
    load: async () => (await import('./data/store.js')).storeCommand,
  },
  {
    name: 'token',
    summary: 'Manage join tokens for machines',
    load: async () => (await import('./trust/token.js')).tokenCommand,
  },
  {
    name: 'top',
    summary: 'Display the running processes',
    dryRun: true,
    load: async () => (await import('./container/top.js')).topCommand,
  },
  {
    name: 'unpause',
    summary: 'Unpause services',
    dryRun: true,
    load: async () => (await import('./project/pause.js')).unpauseCommand,
  },
  {
    name: 'up',
    summary: 'Create and start containers',
    dryRun: true,
    load: async () => (await import('./project/up.js')).upCommand,
  },
  {
    name: 'version',
    summary: 'Show the version',
    dryRun: true,
    load: async () => (await import('./cluster/version.js')).versionCommand,
  },
  {
    name: 'volume',
    summary: 'Manage volumes',
    dryRun: true,
    load: async () => (await import('./data/volume.js')).volumeCommand,
  },
  {
    name: 'volumes',
    summary: 'List volumes of the project',
    dryRun: true,
    load: async () => (await import('./project/volumes.js')).volumesCommand,
  },
  {
    name: 'wait',
    summary: 'Block until containers of services stop',
    dryRun: true,
    load: async () => (await import('./project/wait.js')).waitCommand,
  },
  {
    name: 'watch',
    summary: 'Sync changed files into containers, or rebuild, as files change',
    dryRun: true,
    load: async () => (await import('./project/watch.js')).watchCommand,
  },
];
