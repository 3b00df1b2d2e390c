import { Readable } from 'node:stream';
import { AppError } from '../../manager/common/base/errors.js';
import type { LoginFacts } from './facts.js';
import type { SshSession } from './ssh.js';
import type { SshExecOptions } from './target.js';

const maxAttempts = 3;

/** Standard input of `sudo -S`: the password's line, which sudo takes, then the command's input. */
export function passwordInput(password: string, stdin: SshExecOptions['stdin']): Readable {
  return Readable.from(
    (async function* input() {
      yield Buffer.from(`${password}\n`);
      if (stdin instanceof Readable) yield* stdin;
      else if (stdin !== undefined) yield Buffer.from(stdin);
    })(),
  );
}

/**
 * The password of the login user if sudo needs one, asked for once and checked; undefined if sudo
 * works without it, fails otherwise, or if nobody can be asked. Throws `forbidden` after three wrong
 * passwords: a wrong one would make sudo read the input of the command.
 */
export async function sudoPassword(
  session: Pick<SshSession, 'exec' | 'prompts' | 'target'>,
  root: LoginFacts['root'],
  signal: AbortSignal | undefined,
): Promise<string | undefined> {
  if (typeof root === 'string' || !/password/iu.test(root.refused)) return undefined;
  const { prompts, target } = session;
  const shared = `sudo password of ${target.user}`;
  for (let attempt = 1; attempt <= maxAttempts; attempt += 1) {
    // The machines of a command usually share it; each is asked for its own where they do not.
    const question = attempt === 1 ? shared : `${shared} on ${target.name}`;
    const password = await prompts?.password(question, question);
    if (password === undefined) return undefined;
    const stdin = passwordInput(password, undefined);
    const argv = ['sudo', '-k', '-S', '-p', '', 'true'];
    const { code, stderr } = await session.exec(argv, { stdin, signal });
    if (code === 0) return password;
    if (attempt > 1) prompts?.forget(question);
    if (!/sorry|incorrect|try again|no password/iu.test(stderr)) return undefined;
  }
  throw new AppError(
    'forbidden',
    `${target.name}: the sudo password of ${target.user} was wrong three times; try again`,
  );
}
