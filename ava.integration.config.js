import unit from './ava.config.js';

export default {
  ...unit,
  files: ['tests/{integration,e2e}/**/*.test.ts'],
  serial: true,
  concurrency: 1,
  workerThreads: false,
  // Above the time limit that each test has of its own: the reporter names no test.
  timeout: '10m',
};
