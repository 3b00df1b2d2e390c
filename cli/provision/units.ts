import { isolation } from '../../manager/common/model/isolation.js';
import { notPermittedCode } from '../exit-code.js';
import { remotePaths } from '../inventory/remote-paths.js';
import { quoteUnitArgument } from './engine-config.js';
import { managerHardening, workerHardening } from './unit-hardening.js';

/*
 * systemd restarts the services at once and without a start limit. The worker is ordered after the
 * engine but does not require it: it must outlive an engine crash. KillMode=mixed: child processes
 * (ip, nft) may finish with their parent before systemd sends SIGKILL.
 */

interface Program {
  readonly node: string;
  readonly main: string;
}

interface UnitInput {
  readonly description: string;
  readonly role: 'manager' | 'worker';
  readonly settings: string;
  /** Paths of the Node binary and the entry script on the machine; `remote` if undefined. */
  readonly program?: Program;
  readonly after: string;
  /** Heap flags: a small young generation keeps resident memory low at some cost in CPU. */
  readonly heap: readonly string[];
  readonly environment: readonly string[];
  /** Another unit that is enabled and disabled with this one. */
  readonly also?: string;
  /** Shell command run after the service exits because the node was removed from the cluster. */
  readonly onNodeRemoved?: string;
  /** Directives that restrict the service, see unit-hardening.ts. */
  readonly hardening: readonly string[];
}

function unit(input: UnitInput): string {
  const { node, main } = input.program ?? remotePaths;
  const command = [node, ...input.heap, main, input.role, '--config', input.settings];
  return `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=${input.description}
After=${input.after}
StartLimitIntervalSec=0

[Service]
ExecStart=${command.map(quoteUnitArgument).join(' ')}
${input.environment.map((entry) => `Environment=${entry}\n`).join('')}Restart=always
RestartSec=100ms
RestartPreventExitStatus=${String(notPermittedCode)}
${execStopPost(input.onNodeRemoved)}KillMode=mixed
TimeoutStopSec=20
OOMScoreAdjust=-500
LimitNOFILE=1048576
UMask=0077
${input.hardening.join('\n')}

[Install]
WantedBy=multi-user.target
${input.also === undefined ? '' : `Also=${input.also}\n`}`;
}

/** ExecStopPost reads the exit code of the main process from EXIT_STATUS (systemd.exec(5)). */
function execStopPost(command: string | undefined): string {
  if (command === undefined) return '';
  const script = `[ "$EXIT_STATUS" != ${String(notPermittedCode)} ] || { ${command}; }`;
  // Runs as root, also if the service does not.
  return `ExecStopPost=-+/bin/sh -c '${script}'\n`;
}

/** glibc's default of one malloc arena per thread costs tens of MB with a thread pool. */
const fewArenas = 'MALLOC_ARENA_MAX=2';

/** The worker unit of a machine whose Node binary and entry script are at other paths. */
export function workerUnitFor(program: Program): string {
  return unit({
    description: 'Shoal worker',
    role: 'worker',
    settings: remotePaths.workerSettings,
    after: 'network-online.target docker.service',
    heap: ['--max-semi-space-size=2', '--max-old-space-size=256'],
    environment: [fewArenas],
    also: 'shoal-isolate.service',
    hardening: workerHardening(program),
    program,
  });
}

export const workerUnit = workerUnitFor(remotePaths);

const endIsolation = `nft delete table ${isolation.family} ${isolation.table}`;

/*
 * Runs once per boot (RemainAfterExit prevents a second run when another unit pulls in the target)
 * and is enabled with the worker, never started by hand. The worker deletes the table once it has
 * reconciled; without a worker the table is deleted after the sleep. nftables.service may flush the
 * whole ruleset, so it runs first.
 */
export const isolateUnit = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=Shoal: isolate containers from before the boot until the worker has reconciled
After=nftables.service
Before=docker.service

[Service]
RemainAfterExit=yes
ExecStartPre=nft -f ${remotePaths.isolateRules}
ExecStart=/bin/sh -c 'sleep ${isolation.longestSeconds}; ${endIsolation} 2>/dev/null || true'
ExecStopPost=-${endIsolation}

[Install]
WantedBy=multi-user.target
`;

/** The managed Consul is not notified of removed nodes, so the agent leaves by itself. */
const leaveConsul = [
  `export PATH=${remotePaths.consulRoot}/current:$PATH CONSUL_HTTP_TOKEN_FILE=${remotePaths.consulAgentToken}`,
  'timeout 10 consul leave',
  'systemctl disable --now shoal-consul.service shoal-consul-reload.path',
].join('; ');

export const managerUnit = unit({
  description: 'Shoal manager',
  onNodeRemoved: leaveConsul,
  role: 'manager',
  settings: remotePaths.managerSettings,
  after: 'network-online.target',
  heap: ['--max-semi-space-size=8', '--max-old-space-size=2048'],
  environment: [fewArenas],
  hardening: managerHardening,
});

/** Content of /usr/local/bin/shoal. */
export const shoalCommand = `#!/bin/sh
exec ${remotePaths.node} ${remotePaths.main} "$@"
`;
