import test from 'ava';

/** A test that needs lab machines; skipped where they cannot be made: not Linux, or not root. */
export const machineTest =
  process.platform === 'linux' && process.getuid?.() === 0 ? test.serial : test.serial.skip;
