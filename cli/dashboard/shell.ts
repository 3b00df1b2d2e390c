import type { Task } from '../../manager/common/model/task.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { runOnTerminal } from '../client/terminal-ends.js';

/** Prefers bash if the image has it. */
const shellCommand = [
  'sh',
  '-c',
  'if command -v bash >/dev/null 2>&1; then exec bash; else exec sh; fi',
];

/** Runs a shell in a task's container on this terminal; resolves with a message about its exit. */
export async function runShell(cli: Cli, client: ControlClient, task: Task): Promise<string> {
  const { columns, rows } = cli.stdout;
  const options = {
    command: shellCommand,
    env: [`TERM=${cli.env.TERM ?? 'xterm'}`],
    privileged: false,
    tty: true,
    stdin: true,
    detach: false,
    columns,
    rows,
  };
  const ending = new AbortController();
  const { project, service, slot: index } = task;
  const stream = await client.open('exec', { project, service, index, options }, ending.signal);
  const use = { input: cli.stdin, tty: true, detachKeys: '' };
  const end = await runOnTerminal(cli, stream, use);
  const code = end.kind === 'exited' ? end.code : undefined;
  return `shell in ${task.containerName} ${code === undefined ? 'detached' : `exited with code ${code}`}`;
}
