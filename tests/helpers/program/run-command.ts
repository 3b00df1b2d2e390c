import { PassThrough } from 'node:stream';
import { buildProgram, isHelp, usageError } from '../../../cli/program.js';
import type { Cli } from '../../../cli/cli.js';
import type { ControlClient } from '../../../cli/client/client.js';
import { exitCodeOf } from '../../../cli/exit-code.js';
import { globalOptions } from '../../../cli/global-options.js';
import { Interrupts } from '../../../cli/interrupts.js';
import type { TextSink } from '../../../cli/output/terminal.js';
import { messageOf } from '../../../manager/common/base/errors.js';

/** Collects everything written; not a terminal by default. */
export class TextBuffer implements TextSink {
  text = '';
  readonly isTTY: boolean;
  readonly columns = 100;
  readonly rows = 24;

  constructor(isTTY = false) {
    this.isTTY = isTTY;
  }

  write(data: string | Uint8Array): void {
    this.text += typeof data === 'string' ? data : Buffer.from(data).toString();
  }

  send(data: string | Uint8Array): Promise<void> {
    this.write(data);
    return Promise.resolve();
  }

  onResize(): () => void {
    return () => undefined;
  }
}

export interface CommandRun {
  readonly client: ControlClient;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  readonly now?: () => number;
  readonly interrupts?: Interrupts;
}

export interface CommandResult {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number;
  /** The error line that a user would see. */
  readonly error: string | undefined;
}

/** Runs `shoal …` in this process against the test's cluster. */
export async function runCommand(argv: readonly string[], run: CommandRun): Promise<CommandResult> {
  const stdout = new TextBuffer();
  const stderr = new TextBuffer();
  const env = run.env ?? {};
  const stdin = new PassThrough();
  stdin.end();
  const interrupts = run.interrupts ?? new Interrupts(() => undefined);
  const program = buildProgram((flags): Cli => ({
    options: globalOptions(flags, env),
    env,
    cwd: run.cwd ?? '/nowhere',
    stdin: stdin as unknown as NodeJS.ReadStream,
    stdout,
    stderr,
    interrupts,
    now: run.now ?? (() => Date.now()),
    connect: () => Promise.resolve(run.client),
  }));
  program.configureOutput({
    writeOut: (text) => {
      stdout.write(text);
    },
  });
  try {
    await program.parseAsync(argv, { from: 'user' });
    return { stdout: stdout.text, stderr: stderr.text, code: 0, error: undefined };
  } catch (error) {
    if (isHelp(error))
      return { stdout: stdout.text, stderr: stderr.text, code: 0, error: undefined };
    const reported = usageError(error);
    return {
      stdout: stdout.text,
      stderr: stderr.text,
      code: exitCodeOf(reported),
      error: messageOf(reported),
    };
  }
}
