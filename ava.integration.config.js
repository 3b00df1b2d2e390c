import unit from './ava.config.js';

export default {
  ...unit,
  files: ['tests/{integration,e2e}/**/*.test.ts'],
  serial: true,
  // Each file has machines of its own, and waits for them most of its time.
  concurrency: 2,
  workerThreads: false,
  // Above the time limit that each test has of its own: the reporter names no test.
  timeout: '10m',
};
