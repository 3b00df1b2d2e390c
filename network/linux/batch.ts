import { run } from './run.js';

/**
 * Applies lines with one `ip` or `bridge` process. A line that fails does not keep the others from being
 * applied; the call fails afterwards with the first of the kernel's messages.
 */
export async function batch(
  program: 'ip' | 'bridge',
  lines: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  if (lines.length === 0) return;
  await run([program, '-force', '-batch', '-'], { stdin: `${lines.join('\n')}\n`, signal });
}
