import unit from './ava.config.js';

export default {
  ...unit,
  files: ['tests/{integration,e2e}/**/*.test.ts'],
  serial: true,
  concurrency: 1,
  workerThreads: false,
  timeout: '5m',
};
