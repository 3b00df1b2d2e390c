/**
 * Quotes `argument` as one word of a POSIX shell. sshd passes the command line to the login shell,
 * so every argument of an array must be quoted. Throws RangeError for a NUL byte.
 */
export function quoteArgument(argument: string): string {
  if (argument.includes('\0')) throw new RangeError('argument contains a NUL byte');
  if (/^[A-Za-z0-9_@%+:,./-]+$/u.test(argument)) return argument;
  return `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}

/** The shell command line of an argument array. */
export function quoteCommand(argv: readonly string[]): string {
  return argv.map((argument) => quoteArgument(argument)).join(' ');
}
