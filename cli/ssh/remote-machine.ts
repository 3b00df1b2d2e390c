import type { ErrorKind } from '../../manager/common/base/errors.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { LoginFacts, RootFacts } from './facts.js';
import { parseLoginFacts, parseRootFacts } from './facts.js';
import { loginProbe, rootProbe } from './probe-scripts.js';
import { quoteCommand } from './quote.js';
import type { SshSession } from './ssh.js';
import { passwordInput, sudoPassword } from './sudo-password.js';
import type { SshExecOptions, SshExecResult } from './target.js';

/** The last line that is not empty, which usually has the error. */
function lastLine(text: string): string | undefined {
  return text
    .split('\n')
    .map((line) => line.trim())
    .findLast((line) => line !== '');
}

function kindOf(output: string): ErrorKind {
  return /no space left|temporary failure|could not resolve|lock|timed? ?out/iu.test(output)
    ? 'unavailable'
    : 'internal';
}

/** An ssh session to a machine, with commands run as root. */
export class RemoteMachine {
  readonly name: string;
  readonly session: SshSession;
  readonly #signal: AbortSignal | undefined;
  #becomeRoot: readonly string[] = [];
  /** The login user's password, if sudo asks for it. */
  #password: string | undefined;

  constructor(session: SshSession, signal: AbortSignal | undefined) {
    this.name = session.target.name;
    this.session = session;
    this.#signal = signal;
  }

  async probeLogin(): Promise<LoginFacts> {
    const { stdout } = await this.session.exec(['sh', '-s'], {
      stdin: loginProbe,
      signal: this.#signal,
    });
    const facts = parseLoginFacts(stdout);
    this.#password = await sudoPassword(this.session, facts.root, this.#signal);
    if (this.#password !== undefined) {
      this.#becomeRoot = ['sudo', '-k', '-S', '-p', ''];
      return { ...facts, root: 'sudo' };
    }
    this.#becomeRoot = facts.root === 'self' ? [] : ['sudo', '-n'];
    return facts;
  }

  /** Requires `probeLogin`, which determines how to become root. */
  async probeRoot(
    checksummed: readonly string[],
    certificates: readonly string[],
  ): Promise<RootFacts> {
    const { stdout } = await this.run(
      'probe the machine',
      ['sh', '-s', '--', String(checksummed.length), ...checksummed, ...certificates],
      { stdin: rootProbe, timeoutMs: 60_000 },
    );
    return parseRootFacts(stdout);
  }

  /** Runs a command as root; a non-zero exit code is a result, not an error. */
  async exec(argv: readonly string[], options: SshExecOptions = {}): Promise<SshExecResult> {
    return this.session.exec([...this.#becomeRoot, ...argv], {
      signal: this.#signal,
      ...options,
      ...(this.#password === undefined
        ? {}
        : { stdin: passwordInput(this.#password, options.stdin) }),
    });
  }

  /** Runs a command as root; throws on a non-zero exit code. `what` completes "cannot …". */
  async run(
    what: string,
    argv: readonly string[],
    options: SshExecOptions = {},
  ): Promise<SshExecResult> {
    const result = await this.exec(argv, options);
    if (result.code === 0) return result;
    const output = `${result.stdout}\n${result.stderr}`;
    const reason = lastLine(result.stderr) ?? lastLine(result.stdout) ?? 'no output';
    throw new AppError(
      kindOf(output),
      `${this.name}: cannot ${what}: ${reason} (exit code ${String(result.code)})`,
      { detail: `ran: ${quoteCommand([...this.#becomeRoot, ...argv])}\n${output.trim()}` },
    );
  }

  /** Runs a constant script as root with `args` as "$1", "$2" …; throws on a non-zero exit code. */
  async script(
    what: string,
    script: string,
    args: readonly string[],
    options: SshExecOptions = {},
  ): Promise<SshExecResult> {
    return this.run(what, ['sh', '-c', script, 'shoal', ...args], options);
  }
}
