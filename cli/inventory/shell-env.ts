import { AppError } from '../../manager/common/base/errors.js';

export interface EnvVariable {
  readonly name: string;
  /** Undefined to unset the variable. */
  readonly value: string | undefined;
}

interface Shell {
  readonly set: (name: string, value: string) => string;
  readonly unset: (name: string) => string;
  /** The comment that shows how to evaluate the output. */
  readonly usage: (command: string) => string;
}

const posix: Shell = {
  set: (name, value) => `export ${name}="${value.replaceAll(/(["$`\\])/gu, String.raw`\$1`)}"`,
  unset: (name) => `unset ${name}`,
  usage: (command) => `# Run this command to configure your shell: \n# eval $(${command})`,
};

const shells: Readonly<Record<string, Shell>> = {
  bash: posix,
  zsh: posix,
  sh: posix,
  fish: {
    set: (name, value) => `set -gx ${name} "${value.replaceAll(/(["$\\])/gu, String.raw`\$1`)}";`,
    unset: (name) => `set -e ${name};`,
    usage: (command) => `# Run this command to configure your shell: \n# eval (${command})`,
  },
  tcsh: {
    set: (name, value) => `setenv ${name} "${value}";`,
    unset: (name) => `unsetenv ${name};`,
    usage: (command) => `# Run this command to configure your shell: \n# eval \`${command}\``,
  },
  powershell: {
    set: (name, value) => `$Env:${name} = "${value}"`,
    unset: (name) => String.raw`Remove-Item Env:\\${name}`,
    usage: (command) =>
      `# Run this command to configure your shell: \n# & ${command} | Invoke-Expression`,
  },
  cmd: {
    set: (name, value) => `SET ${name}=${value}`,
    unset: (name) => `SET ${name}=`,
    usage: (command) =>
      `REM Run this command to configure your shell: \nREM @FOR /f "tokens=*" %i IN ('${command}') DO @%i`,
  },
  emacs: {
    set: (name, value) => `(setenv "${name}" "${value.replaceAll(/(["\\])/gu, String.raw`\$1`)}")`,
    unset: (name) => `(setenv "${name}" nil)`,
    usage: (command) =>
      `;; Run this command to configure your shell: \n;; (with-temp-buffer (shell-command "${command}" (current-buffer)) (eval-buffer))`,
  },
};

/** The shell to print for: the flag, the base name of SHELL, or bash, in this order. */
export function pickShell(flag: string | undefined, shellPath: string | undefined): string {
  if (flag !== undefined && flag !== '') {
    if (shells[flag] === undefined) {
      const known = Object.keys(shells).join(', ');
      throw new AppError('invalid', `unknown shell "${flag}"; available: ${known}`);
    }
    return flag;
  }
  const name = (shellPath ?? '').split('/').at(-1) ?? '';
  return shells[name] === undefined ? 'bash' : name;
}

/** The output of `machine env`: a line per variable, then a usage comment. */
export function renderEnvironment(
  shell: string,
  variables: readonly EnvVariable[],
  command: string,
): string {
  const { set, unset, usage } = shells[shell] ?? posix;
  const lines = variables.map(({ name, value }) =>
    value === undefined ? unset(name) : set(name, value),
  );
  return `${[...lines, usage(command)].join('\n')}\n`;
}

/** NO_PROXY with the address added, without a duplicate. */
export function withNoProxy(existing: string | undefined, address: string): string {
  const entries = (existing ?? '').split(',').filter((entry) => entry !== '');
  return entries.includes(address) ? entries.join(',') : [...entries, address].join(',');
}
