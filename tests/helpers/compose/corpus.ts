import { existsSync, readdirSync, readFileSync, realpathSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isDeepStrictEqual } from 'node:util';
import { runConfig, type ConfigOptions } from '../../../cli/project/render-config.js';
import type { LoadRequest } from '../../../cli/compose/load/load.js';
import { messageOf } from '../../../manager/common/base/errors.js';

/** A case with the recorded verdict of docker compose 2.40.3, read in place from the corpus. */
export interface CorpusCase {
  readonly id: string;
  readonly folder: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly exit: number;
}

export type Verdict =
  | { readonly kind: 'agree'; readonly message?: string }
  | { readonly kind: string; readonly detail: string; readonly message?: string };

/** The corpus folder; undefined if this machine has none. */
export function findCorpus(): string | undefined {
  const folder = process.env.COMPOSE_CORPUS ?? besideProject();
  if (folder === undefined || !existsSync(join(folder, 'INDEX.tsv'))) return undefined;
  return realpathSync(folder);
}

/** `shared/compose-corpus` beside the project folder, wherever the compiled test runs from. */
function besideProject(): string | undefined {
  for (let at = dirname(fileURLToPath(import.meta.url)); at !== dirname(at); at = dirname(at)) {
    if (existsSync(join(at, 'shared/compose-corpus'))) return join(at, 'shared/compose-corpus');
  }
  return undefined;
}

/** Known and explained differences: reason by case id. */
export function readDifferences(): ReadonlyMap<string, string> {
  const file = join(projectFolder(), 'fixtures/compose/differences.json');
  const list = JSON.parse(readFileSync(file, 'utf8')) as { case: string; reason: string }[];
  return new Map(list.map((entry) => [entry.case, entry.reason]));
}

/** The folder with package.json, for sources and for dist. */
export function projectFolder(): string {
  let at = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(at, 'package.json'))) at = dirname(at);
  return at;
}

/**
 * The error in a verdict: an unexplained difference, or an explained difference that is gone.
 * Undefined if the verdict is as expected.
 */
export function verdictError(
  test: CorpusCase,
  verdict: Verdict,
  differences: ReadonlyMap<string, string>,
): string | undefined {
  const agrees = verdict.kind === 'agree';
  if (agrees === !differences.has(test.id)) return undefined;
  if (agrees) return `${test.id}: agrees now; remove it from differences.json`;
  return `${test.id}: ${verdict.kind}: ${'detail' in verdict ? verdict.detail : ''}`;
}

/** True for cases of `config`, the only command that is compared. */
export function isConfigCase(test: CorpusCase): boolean {
  return test.command[0] === 'config';
}

export function readCases(corpus: string, part: 'corpus' | 'hostile'): CorpusCase[] {
  const root = join(corpus, part);
  const folders = readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.name === 'case.json')
    .map((entry) => entry.parentPath)
    .sort();
  return folders.map((folder) => {
    const meta = JSON.parse(readFileSync(join(folder, 'case.json'), 'utf8')) as {
      cwd: string;
      args: string[];
      env?: Record<string, string>;
      cmd?: string[];
      exit: number;
    };
    return {
      id: relative(corpus, folder),
      folder,
      args: meta.args,
      cwd: join(folder, meta.cwd),
      env: { HOME: '/home/tester', PATH: '/usr/bin:/bin', LANG: 'C.UTF-8', ...meta.env },
      command: meta.cmd ?? ['config', '--format', 'json'],
      exit: meta.exit,
    };
  });
}

/** Runs `config` on a case in this process and compares the result with the recorded verdict. */
export function compareCase(test: CorpusCase): Verdict {
  let output: string;
  let warnings = '';
  try {
    output = runCase(test, (text) => (warnings += text));
  } catch (error) {
    const message = `${warnings}${messageOf(error)}`.replaceAll(test.folder, '{{CASE}}');
    if (test.exit === 0) return { kind: 'refused a valid case', detail: message, message };
    return judgeMessage(test, message);
  }
  if (test.exit !== 0) {
    return {
      kind: 'accepted an invalid case',
      detail: recorded(test, 'expected.err').split('\n').pop() ?? '',
    };
  }
  return judgeOutput(test, output.replaceAll(test.folder, '{{CASE}}'));
}

/** The flags before a case's subcommand, as a load request. */
export function requestOf(test: CorpusCase): LoadRequest {
  const { request } = parseArguments(test.args);
  return { ...request, env: test.env, cwd: test.cwd };
}

export function runCase(
  test: CorpusCase,
  stderr: (text: string) => void = () => undefined,
): string {
  const parsed = parseArguments([...test.args, ...test.command]);
  let output = '';
  runConfig(
    {
      ...parsed.request,
      options: { allResources: parsed.allResources },
      env: test.env,
      cwd: test.cwd,
      services: parsed.services,
    },
    parsed.options,
    { stdout: (text) => (output += text), stderr },
  );
  return output;
}

function judgeMessage(test: CorpusCase, message: string): Verdict {
  const text = recorded(test, 'expected.err')
    .split('\n')
    .slice(1)
    .filter((line) => !/^(?:time=\S+ )?level=warning /u.test(line))
    .join('\n');
  const names = [...text.matchAll(/"([^"\s]{2,})"|\b((?:[\w-]+\.)+[\w-]+)\b/g)].map(
    (m) => m[1] ?? m[2] ?? '',
  );
  const named =
    names.length === 0 ||
    names.some((name) => message.includes(name) || message.includes(name.split('.').pop() ?? name));
  return named
    ? { kind: 'agree', message }
    : { kind: 'refused, names nothing', detail: `${message} | ${text}`, message };
}

function judgeOutput(test: CorpusCase, output: string): Verdict {
  if (existsSync(join(test.folder, 'expected.out'))) {
    const wanted = recorded(test, 'expected.out');
    return output === wanted
      ? { kind: 'agree' }
      : { kind: 'other text', detail: output.slice(0, 300) };
  }
  const actual = JSON.parse(output) as unknown;
  const expected = JSON.parse(recorded(test, 'expected.json')) as unknown;
  if (isDeepStrictEqual(actual, expected)) return { kind: 'agree' };
  return { kind: 'other JSON', detail: firstDifference(expected, actual, '') };
}

export function recorded(test: CorpusCase, name: string): string {
  return readFileSync(join(test.folder, name), 'utf8');
}

export function firstDifference(wanted: unknown, got: unknown, path: string): string {
  const format = (value: unknown): string =>
    value === undefined ? 'nothing' : JSON.stringify(value).slice(0, 90);
  if (isRecord(wanted) && isRecord(got)) {
    for (const key of [...new Set([...Object.keys(wanted), ...Object.keys(got)])].sort()) {
      if (!isDeepStrictEqual(wanted[key], got[key]))
        return firstDifference(wanted[key], got[key], `${path}.${key}`);
    }
  }
  if (Array.isArray(wanted) && Array.isArray(got) && wanted.length === got.length) {
    const index = wanted.findIndex((item, at) => !isDeepStrictEqual(item, got[at]));
    if (index >= 0) return firstDifference(wanted[index], got[index], `${path}[${String(index)}]`);
  }
  return `${path}: expected ${format(wanted)}, got ${format(got)}`;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

interface Parsed {
  readonly request: {
    files: string[];
    profiles: string[];
    envFiles: string[];
    projectName: string | undefined;
    projectDirectory: string | undefined;
  };
  readonly options: ConfigOptions;
  readonly services: string[];
  readonly allResources: boolean;
}

const valueFlags = [
  '-f',
  '--file',
  '--profile',
  '-p',
  '--project-name',
  '--project-directory',
  '--env-file',
  '--progress',
  '--ansi',
  '--format',
  '--hash',
];

function parseArguments(args: readonly string[]): Parsed {
  const values = new Map<string, string[]>();
  const options: Record<string, unknown> = {};
  const services: string[] = [];
  for (let at = 0; at < args.length; at += 1) {
    const flag = args[at] ?? '';
    if (valueFlags.includes(flag)) {
      at += 1;
      values.set(flag, [...(values.get(flag) ?? []), args[at] ?? '']);
    } else if (flag === '-q') options.quiet = true;
    else if (flag.startsWith('--no-')) options[camel(flag.slice(5))] = false;
    else if (flag.startsWith('--')) options[camel(flag.slice(2))] = true;
    else if (flag !== 'config') services.push(flag);
  }
  const all = (...flags: string[]): string[] => flags.flatMap((flag) => values.get(flag) ?? []);
  const last = (...flags: string[]): string | undefined => all(...flags).at(-1);
  for (const name of ['format', 'hash']) options[name] = last(`--${name}`);
  return {
    request: {
      files: all('-f', '--file'),
      profiles: all('--profile'),
      envFiles: all('--env-file'),
      projectName: last('-p', '--project-name'),
      projectDirectory: last('--project-directory'),
    },
    options,
    services,
    allResources: options.allResources === true,
  };
}

function camel(flag: string): string {
  return flag.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}
