import { remote } from './layout.js';

/*
 * The services come back by themselves, at once and without a limit of tries. The worker is ordered
 * after the engine but does not require it: it must outlive an engine that crashes. mixed: children
 * (ip, nft) get the chance to end with their parent before anything is killed.
 */

interface UnitInput {
  readonly description: string;
  readonly role: 'manager' | 'worker';
  readonly settings: string;
  readonly after: string;
  /** Heap flags: a small young generation keeps resident memory low at some cost in CPU. */
  readonly heap: readonly string[];
  readonly environment: readonly string[];
}

function unit(input: UnitInput): string {
  const command = [remote.node, ...input.heap, remote.main, input.role, '--config', input.settings];
  return `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
Description=${input.description}
After=${input.after}
StartLimitIntervalSec=0

[Service]
ExecStart=${command.join(' ')}
${input.environment.map((entry) => `Environment=${entry}\n`).join('')}Restart=always
RestartSec=200ms
KillMode=mixed
TimeoutStopSec=20
OOMScoreAdjust=-500
LimitNOFILE=1048576
UMask=0077

[Install]
WantedBy=multi-user.target
`;
}

/** glibc otherwise keeps an arena per thread, tens of megabytes in a process with a thread pool. */
const fewArenas = 'MALLOC_ARENA_MAX=2';

export const workerUnit = unit({
  description: 'Shoal worker',
  role: 'worker',
  settings: remote.workerSettings,
  after: 'network-online.target docker.service',
  heap: ['--max-semi-space-size=2', '--max-old-space-size=256'],
  environment: [fewArenas],
});

export const managerUnit = unit({
  description: 'Shoal manager',
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
