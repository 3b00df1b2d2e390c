import unit from './ava.config.js';

/** This file destroys the cluster that it shares with others, so it is the last to use it. */
const isLast = (file) => file.endsWith('e2e/faults.test.ts');

export default {
  ...unit,
  files: ['tests/{integration,e2e}/**/*.test.ts'],
  sortTestFiles: (a, b) => isLast(a) - isLast(b) || (a < b ? -1 : 1),
  serial: true,
  concurrency: 1,
  workerThreads: false,
  // Above the time limit that each test has of its own: the reporter names no test.
  timeout: '10m',
};
