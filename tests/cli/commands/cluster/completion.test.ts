import { execFile, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import test from 'ava';

const run = promisify(execFile);
const program = new URL('../../../../cli/main.js', import.meta.url).pathname;

/** Command line per shell that simulates Tab after `shoal lo` without a terminal. */
const tabPresses: Readonly<Record<string, readonly string[]>> = {
  bash: [
    '--norc',
    '-c',
    'source <(shoal completion bash); COMP_WORDS=(shoal lo); COMP_CWORD=1; _shoal; echo "${COMPREPLY[*]}"',
  ],
  zsh: [
    '-f',
    '-c',
    'compdef() { :; }; compadd() { shift; eval "print -r -- \\"\\${(@P)1}\\""; }; source <(shoal completion zsh); words=(shoal lo); CURRENT=2; _shoal',
  ],
  fish: ['--no-config', '-c', 'shoal completion fish | source; complete -C "shoal lo"'],
};

function isInstalled(shell: string): boolean {
  return spawnSync(shell, ['-c', 'exit 0']).status === 0;
}

/** Creates a folder for PATH that contains `shoal`, like an installation. */
async function installProgram(): Promise<{
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-complete-'));
  const script = `#!/bin/sh\nexec '${process.execPath}' '${program}' "$@"\n`;
  await writeFile(join(folder, 'shoal'), script);
  await chmod(join(folder, 'shoal'), 0o755);
  const PATH = [folder, process.env.PATH ?? ''].join(delimiter);
  return { folder, env: { PATH, HOME: folder, SHOAL_HOME: join(folder, 'store') } };
}

for (const [shell, args] of Object.entries(tabPresses)) {
  const shellTest = isInstalled(shell) ? test : test.skip;
  shellTest(
    `the completion script completes commands in ${shell} (skipped where it is not installed)`,
    async (t) => {
      t.timeout(120_000);
      const { folder, env } = await installProgram();
      t.teardown(() => rm(folder, { recursive: true, force: true }));
      const { stdout } = await run(shell, [...args], { env });
      t.deepEqual(stdout.trim().split(/\s+/u), ['local', 'logs']);
    },
  );
}
