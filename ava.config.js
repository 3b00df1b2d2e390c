export default {
  files: ['tests/**/*.test.{ts,tsx}', '!tests/{integration,e2e,bench,helpers}/**'],
  typescript: {
    compile: false,
    extensions: ['ts', 'tsx'],
    rewritePaths: {
      'cli/': 'dist/cli/',
      'manager/': 'dist/manager/',
      'worker/': 'dist/worker/',
      'network/': 'dist/network/',
      'fixtures/': 'dist/fixtures/',
      'tests/': 'dist/tests/',
    },
  },
  timeout: '30s',
};
