import { isolation } from '../../manager/common/model/isolation.js';
import { notPermittedCode } from '../exit-code.js';
import { remote } from '../inventory/layout.js';

/*
 * The services come back by themselves, at once and without a limit of tries. The worker is ordered
 * after the engine but does not require it: it must outlive an engine that crashes. mixed: children
 * (ip, nft) get the chance to end with their parent before anything is killed.
 */

interface Program {
  readonly node: string;
  readonly main: string;
}

interface UnitInput {
  readonly description: string;
  readonly role: 'manager' | 'worker';
  readonly settings: string;
  /** The runtime and the program, where they are on the machine. */
  readonly program?: Program;
  readonly after: string;
  /** Heap flags: a small young generation keeps resident memory low at some cost in CPU. */
  readonly heap: readonly string[];
  readonly environment: readonly string[];
  /** Another unit that is enabled and disabled with this one. */
  readonly also?: string;
  /** What is run when the machine is no part of the cluster any more. */
  readonly whenRemoved?: string;
}

function unit(input: UnitInput): string {
  const { node, main } = input.program ?? remote;
  const command = [node, ...input.heap, main, input.role, '--config', input.settings];
  return `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=${input.description}
After=${input.after}
StartLimitIntervalSec=0

[Service]
ExecStart=${command.join(' ')}
${input.environment.map((entry) => `Environment=${entry}\n`).join('')}Restart=always
RestartSec=100ms
RestartPreventExitStatus=${String(notPermittedCode)}
${whenRemoved(input.whenRemoved)}KillMode=mixed
TimeoutStopSec=20
OOMScoreAdjust=-500
LimitNOFILE=1048576
UMask=0077

[Install]
WantedBy=multi-user.target
${input.also === undefined ? '' : `Also=${input.also}\n`}`;
}

/** systemd tells what it runs after the program how that ended (systemd.exec(5), EXIT_STATUS). */
function whenRemoved(command: string | undefined): string {
  if (command === undefined) return '';
  const then = `[ "$EXIT_STATUS" != ${String(notPermittedCode)} ] || { ${command}; }`;
  return `ExecStopPost=-/bin/sh -c '${then}'\n`;
}

/** glibc otherwise keeps an arena per thread, tens of megabytes in a process with a thread pool. */
const fewArenas = 'MALLOC_ARENA_MAX=2';

/** The worker of a machine that has the program somewhere of its own. */
export function workerUnitFor(program: Program): string {
  return unit({
    description: 'Shoal worker',
    role: 'worker',
    settings: remote.workerSettings,
    after: 'network-online.target docker.service',
    heap: ['--max-semi-space-size=2', '--max-old-space-size=256'],
    environment: [fewArenas],
    also: 'shoal-isolate.service',
    program,
  });
}

export const workerUnit = workerUnitFor(remote);

const endIsolation = `nft delete table ${isolation.family} ${isolation.table}`;

/*
 * Runs once per boot (RemainAfterExit: not again when something pulls the target in later) and is never
 * started by hand: it is enabled with the worker. The worker deletes the table as soon as it has decided;
 * the sleep does when no worker comes. nftables.service may flush everything, so it goes first.
 */
export const isolateUnit = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=Shoal: containers of before the boot stay apart until the worker has decided
After=nftables.service
Before=docker.service

[Service]
RemainAfterExit=yes
ExecStartPre=nft -f ${remote.isolateRules}
ExecStart=/bin/sh -c 'sleep ${isolation.longestSeconds}; ${endIsolation} 2>/dev/null || true'
ExecStopPost=-${endIsolation}

[Install]
WantedBy=multi-user.target
`;

/** Our own Consul does not know who was removed: its agent goes by itself. */
const leaveConsul = [
  `export PATH=${remote.consulRoot}/current:$PATH CONSUL_HTTP_TOKEN_FILE=${remote.consulAgentToken}`,
  'timeout 10 consul leave',
  'systemctl disable --now shoal-consul.service shoal-consul-reload.path',
].join('; ');

export const managerUnit = unit({
  description: 'Shoal manager',
  whenRemoved: leaveConsul,
  role: 'manager',
  settings: remote.managerSettings,
  after: 'network-online.target',
  heap: ['--max-semi-space-size=8', '--max-old-space-size=2048'],
  environment: [fewArenas],
});

/** /usr/local/bin/shoal. */
export const shoalCommand = `#!/bin/sh
exec ${remote.node} ${remote.main} "$@"
`;
