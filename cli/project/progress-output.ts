import type { Cli } from '../cli.js';
import { noPaint, paint } from '../output/color.js';
import type { Paint } from '../output/color.js';
import { makeProgress } from '../output/make-progress.js';
import type { ProgressWriter } from '../output/progress.js';
import { useColor } from '../output/terminal.js';

/**
 * Progress on stderr, as in docker compose; COMPOSE_STATUS_STDOUT moves it to stdout. A dry run
 * makes none.
 */
export function progressOf(cli: Cli): ProgressWriter {
  const toStdout = /^(?:1|true)$/iu.test(cli.env.COMPOSE_STATUS_STDOUT ?? '');
  const sink = toStdout ? cli.stdout : cli.stderr;
  return makeProgress({
    mode: cli.options.dryRun === true ? 'quiet' : cli.options.progress,
    sink,
    paint: useColor(cli.options.ansi, cli.env, sink) ? paint : noPaint,
    ansi: cli.options.ansi !== 'never',
    now: cli.now,
  });
}

/** Colours for text on stdout. */
export function paintOf(cli: Cli, noColor = false): Paint {
  return !noColor && useColor(cli.options.ansi, cli.env, cli.stdout) ? paint : noPaint;
}

/** Prints a warning on stderr, as JSON with `--progress json`, not at all with `quiet`. */
export function warn(cli: Cli, message: string): void {
  if (cli.options.progress === 'quiet') return;
  cli.stderr.write(
    cli.options.progress === 'json'
      ? `${JSON.stringify({ warning: true, message })}\n`
      : `warning: ${message}\n`,
  );
}

/** Runs `work` with a progress and always ends it, so that the cursor reappears. */
export async function withProgress<Result>(
  cli: Cli,
  work: (progress: ProgressWriter) => Promise<Result>,
): Promise<Result> {
  const progress = progressOf(cli);
  try {
    return await work(progress);
  } finally {
    progress.end();
  }
}
