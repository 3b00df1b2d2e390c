import test from 'ava';

/**
 * A test that needs lab machines; skipped where there cannot be any: not on Linux, or not as root.
 */
export const machineTest =
  process.platform === 'linux' && process.getuid?.() === 0 ? test.serial : test.serial.skip;
