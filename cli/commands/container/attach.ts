import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { ExitError } from '../../exit-code.js';
import { runOnTerminal } from '../../client/terminal-ends.js';
import { runningTask, viewProject, wholeNumber } from '../../project/selection.js';

interface AttachFlags {
  readonly detachKeys: string;
  readonly index?: string;
  /** False with `--no-stdin`. */
  readonly stdin: boolean;
  readonly sigProxy: string | boolean;
}

/** Converts `ctrl-p,ctrl-q` to the bytes that these keys send; throws `invalid`. */
export function parseDetachKeys(text: string): string {
  return text
    .split(',')
    .map((key) => {
      const control = /^ctrl-([a-z@[\\\]^_])$/u.exec(key)?.[1];
      if (control !== undefined) {
        return String.fromCharCode(control.toUpperCase().charCodeAt(0) & 0x1f);
      }
      if (/^[\u0020-\u007e]$/u.test(key)) return key;
      throw new AppError('invalid', `invalid --detach-keys "${text}": use keys like ctrl-p,ctrl-q`);
    })
    .join('');
}

export function attachCommand(cli: Cli): Command {
  return new Command('attach')
    .description("Attach input, output and error streams to a service's running container")
    .argument('<service>')
    .option(
      '--detach-keys <keys>',
      'key sequence for detaching from the container',
      'ctrl-p,ctrl-q',
    )
    .option('--index <number>', 'index of the container if the service has several')
    .option('--no-stdin', 'do not attach stdin')
    .option('--sig-proxy [on]', 'forward Ctrl-C to the process', 'true')
    .action(async (service: string, flags: AttachFlags) => {
      const detachKeys = parseDetachKeys(flags.detachKeys);
      const index = flags.index === undefined ? 0 : wholeNumber('--index', flags.index);
      const view = await viewProject(cli, [service]);
      const task = runningTask(view, service, index === 0 ? undefined : index);
      const { tty, stdinOpen } = task.spec.container;
      const stdin = flags.stdin && stdinOpen;
      const ref = { project: view.project, service, index: task.slot };
      const stream = await view.client.open('attach', { ...ref, stdin }, cli.interrupts.signal);
      const proxied = String(flags.sigProxy) !== 'false' && !tty;
      const release = proxied ? proxyInterrupts(cli, view.client, ref) : () => undefined;
      try {
        const input = stdin ? cli.stdin : undefined;
        const use = { input, tty: tty && cli.stdin.isTTY === true, detachKeys };
        const end = await runOnTerminal(cli, stream, use);
        if (end.kind === 'exited' && end.code !== 0) throw new ExitError(end.code);
      } finally {
        release();
      }
    });
}

/** Forwards the first Ctrl-C to the container's process; the second one ends the command. */
function proxyInterrupts(
  cli: Cli,
  client: Awaited<ReturnType<Cli['connect']>>,
  ref: { readonly project: string; readonly service: string },
): () => void {
  const release = cli.interrupts.handle(() => {
    release();
    client
      .call('service.kill', { project: ref.project, services: [ref.service], signal: 'SIGINT' })
      .catch(() => undefined);
  });
  return release;
}
