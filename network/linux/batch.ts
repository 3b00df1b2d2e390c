import { run } from './run.js';

/**
 * Applies all lines with one `ip` or `bridge` process. After a failed line the remaining lines are
 * still applied; the call then fails with the kernel's first message.
 */
export async function batch(
  program: 'ip' | 'bridge',
  lines: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (lines.length === 0) return;
  await run([program, '-force', '-batch', '-'], { stdin: `${lines.join('\n')}\n`, signal });
}
