import type { ExecutionContext } from 'ava';
import test from 'ava';

const declare =
  process.platform === 'linux' && process.getuid?.() === 0 ? test.serial : test.serial.skip;

/** Longest time (ms) without an assertion; above the deadline of every program that a test runs. */
const idleMs = 5 * 60_000;

/**
 * A test that needs lab machines; skipped where there cannot be any: not on Linux, or not as root.
 * It fails by its name when it makes no assertion for five minutes.
 */
export function machineTest(
  title: string,
  implementation: (t: ExecutionContext) => void | Promise<void>,
): void {
  declare(title, async (t) => {
    t.timeout(idleMs);
    await implementation(t);
  });
}
