import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Cli } from '../cli.js';
import { entryPoint } from '../entry-point.js';

export interface CommandRun {
  readonly cli: Cli;
  readonly words: readonly string[];
  /** Project for --project-name if neither the dashboard's flags nor `words` have one. */
  readonly project: string | undefined;
}

const maxLines = 5_000;

/** Passes on this program's global flags, so that the command acts on the same cluster. */
function argumentsOf({ cli, words, project }: CommandRun): readonly string[] {
  const { cluster, storagePath, files, projectName, projectDirectory } = cli.options;
  const name = projectName ?? project;
  return [
    entryPoint,
    ...(cluster === undefined ? [] : ['--cluster', cluster]),
    ...(storagePath === undefined ? [] : ['--storage-path', storagePath]),
    ...files.flatMap((file) => ['--file', file]),
    ...(projectDirectory === undefined ? [] : ['--project-directory', projectDirectory]),
    ...(name === undefined ? [] : ['--project-name', name]),
    ...words,
  ];
}

/**
 * Runs a command without a terminal. Calls `tell` with all its output so far on each chunk, and
 * finally with its exit code appended. `signal` kills the command. Never throws.
 */
export async function runCaptured(
  run: CommandRun,
  signal: AbortSignal,
  tell: (lines: readonly string[]) => void,
): Promise<void> {
  const { cli } = run;
  const child = spawn(process.execPath, [...argumentsOf(run)], {
    cwd: cli.cwd,
    env: { ...cli.env, COMPOSE_ANSI: 'never', COMPOSE_PROGRESS: 'plain' },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal,
  });
  let text = '';
  let dropped = 0;
  const shown = (end: string): readonly string[] => {
    const lines = text.split('\n');
    if (lines.length > maxLines) {
      dropped += lines.length - maxLines;
      text = lines.slice(-maxLines).join('\n');
    }
    const kept = text.replace(/\n$/u, '').split('\n');
    return [
      ...(dropped > 0 ? [`… ${dropped} earlier lines`] : []),
      ...kept,
      ...(end === '' ? [] : ['', end]),
    ];
  };
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk;
      tell(shown(''));
    });
  }
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    tell(shown(code === 0 ? 'done' : `exited with code ${code ?? 'none'}`));
  } catch (error) {
    if (!signal.aborted) tell(shown(String(error)));
  }
}

/** Runs a command on this terminal; resolves with a message about its exit. */
export async function runInherited(run: CommandRun): Promise<string> {
  const child = spawn(process.execPath, [...argumentsOf(run)], {
    cwd: run.cli.cwd,
    env: run.cli.env,
    stdio: 'inherit',
  });
  const [code] = (await once(child, 'close')) as [number | null];
  return `${run.words[0] ?? ''} exited with code ${code ?? 'none'}`;
}
