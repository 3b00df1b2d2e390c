/**
 * One shell word that a POSIX shell reads back as exactly `argument`. sshd hands a command line to
 * the login shell, so this is the only way an argument array survives the trip. NUL cannot be part
 * of an argument and throws.
 */
export function quoteArgument(argument: string): string {
  if (argument.includes('\0')) throw new RangeError('argument contains a NUL byte');
  if (/^[A-Za-z0-9_@%+:,./-]+$/u.test(argument)) return argument;
  return `'${argument.replaceAll("'", String.raw`'\''`)}'`;
}

/** The command line for an argument array. */
export function quoteCommand(argv: readonly string[]): string {
  return argv.map((argument) => quoteArgument(argument)).join(' ');
}
