import { readFileSync } from 'node:fs';
import js from '@eslint/js';
import ava from 'eslint-plugin-ava';
import prettier from 'eslint-config-prettier';
import reactHooks from 'eslint-plugin-react-hooks';
import tseslint from 'typescript-eslint';
import { commentOpening } from './fixtures/checks/rules/comment-opening.js';

/** Pure decision code: data in, data out. No clock, no randomness, no process, no timers. */
const pure = JSON.parse(
  readFileSync(new URL('fixtures/checks/rules/pure-files.json', import.meta.url), 'utf8'),
);

export default tseslint.config(
  { ignores: ['dist/', 'coverage/', 'node_modules/'] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  ...tseslint.configs.stylisticTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      'max-lines': ['error', 400],
      'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
      'max-depth': ['error', 3],
      'max-params': ['error', 4],
      complexity: ['error', 15],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', destructuredArrayIgnorePattern: '^_' },
      ],
      '@typescript-eslint/consistent-type-definitions': ['error', 'interface'],
      '@typescript-eslint/no-confusing-void-expression': ['error', { ignoreArrowShorthand: true }],
      '@typescript-eslint/no-invalid-void-type': ['error', { allowInGenericTypeArguments: true }],
    },
  },
  {
    plugins: { shoal: { rules: { 'comment-opening': commentOpening } } },
    rules: { 'shoal/comment-opening': 'error' },
  },
  {
    files: pure,
    rules: {
      'no-restricted-globals': [
        'error',
        'process',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'queueMicrotask',
        'performance',
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "MemberExpression[object.name='Math'][property.name='random']",
          message: 'take a seeded source',
        },
        {
          selector: "MemberExpression[object.name='Date'][property.name='now']",
          message: 'take `now`',
        },
        {
          selector: "NewExpression[callee.name='Date'][arguments.length=0]",
          message: 'take `now`',
        },
      ],
    },
  },
  {
    files: ['tests/**/*.{ts,tsx}'],
    plugins: { ava },
    rules: {
      'max-lines-per-function': 'off',
      '@typescript-eslint/no-floating-promises': [
        'error',
        {
          allowForKnownSafeCalls: [{ from: 'package', name: ['default', 'test'], package: 'ava' }],
        },
      ],
      'ava/no-only-test': 'error',
      'ava/no-skip-test': 'error',
      'ava/no-identical-title': 'error',
      'ava/no-duplicate-modifiers': 'error',
      'ava/assertion-arguments': 'error',
      'ava/test-title': 'error',
    },
  },
  {
    files: ['cli/dashboard/**/*.tsx', 'cli/dashboard/hooks/**/*.ts'],
    plugins: { 'react-hooks': reactHooks },
    rules: { ...reactHooks.configs.recommended.rules },
  },
  { files: ['**/*.{js,cjs,mjs}'], ...tseslint.configs.disableTypeChecked },
  {
    files: ['**/*.{js,cjs,mjs}'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        module: 'writable',
        Buffer: 'readonly',
      },
    },
  },
  {
    files: ['**/*.cjs'],
    languageOptions: { globals: { require: 'readonly' } },
    rules: { '@typescript-eslint/no-require-imports': 'off' },
  },
  prettier,
);
