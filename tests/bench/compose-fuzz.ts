import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadProjectSync } from '../../cli/compose/load/load.js';
import { isAppError } from '../../manager/common/base/errors.js';
import { findCorpus, projectFolder, readCases } from '../helpers/compose/corpus.js';

const slowMs = 1000;

interface Fuzzing {
  readonly folder: string;
  readonly texts: readonly string[];
  readonly random: () => number;
  readonly outcome: { loaded: number; refused: number; crashed: number; slow: number };
}

/**
 * `npm run bench -- compose-fuzz [COUNT] [SEED]` loads randomly damaged Compose files. Every load
 * must end within a second, in a project or in an AppError.
 */
export function run(args: readonly string[]): Promise<void> {
  const [count, seed] = [Number(args[0] ?? 10_000), Number(args[1] ?? 1)];
  const fuzzing: Fuzzing = {
    folder: mkdtempSync(join(tmpdir(), 'compose-fuzz-')),
    texts: [...ownFiles(), ...corpusFiles()],
    random: generator(seed),
    outcome: { loaded: 0, refused: 0, crashed: 0, slow: 0 },
  };
  for (let index = 0; index < count; index += 1) loadText(fuzzing, damaged(fuzzing));
  rmSync(fuzzing.folder, { recursive: true });
  const { loaded, refused, crashed, slow } = fuzzing.outcome;
  console.log(
    `${String(count)} inputs of seed ${String(seed)}: ${String(loaded)} loaded, ${String(refused)} refused,`,
  );
  console.log(`${String(crashed)} crashed, ${String(slow)} took longer than ${String(slowMs)} ms`);
  if (crashed + slow > 0) process.exitCode = 1;
  return Promise.resolve();
}

function loadText({ folder, outcome }: Fuzzing, text: string): void {
  const file = join(folder, 'compose.yaml');
  writeFileSync(file, text);
  const started = process.cpuUsage();
  try {
    loadProjectSync({ files: [file], env: { HOME: '/home/tester' }, cwd: folder, profiles: ['*'] });
    outcome.loaded += 1;
  } catch (error) {
    if (isAppError(error)) outcome.refused += 1;
    else {
      outcome.crashed += 1;
      const savedPath = join(tmpdir(), `compose-fuzz-crash-${String(outcome.crashed)}.yaml`);
      writeFileSync(savedPath, text);
      console.log(`crash, input kept as ${savedPath}:`, error);
    }
  }
  const used = process.cpuUsage(started);
  if ((used.user + used.system) / 1000 > slowMs) outcome.slow += 1;
}

function ownFiles(): string[] {
  const root = join(projectFolder(), 'fixtures/compose');
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /[.]ya?ml$/.test(entry.name))
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'));
}

function corpusFiles(): string[] {
  const corpus = findCorpus();
  if (corpus === undefined) return [];
  return readCases(corpus, 'corpus').flatMap(({ cwd }) =>
    readdirSync(cwd, { withFileTypes: true })
      .filter((entry) => entry.isFile() && /[.]ya?ml$/.test(entry.name))
      .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'utf8'))
      .filter((text) => text.length < 20_000),
  );
}

/**
 * A file with up to three random mutations: lines dropped, duplicated, moved or indented; tokens
 * and characters changed.
 */
function damaged(fuzzing: Fuzzing): string {
  const { texts, random } = fuzzing;
  let lines = pick(texts, random).split('\n');
  for (let times = 1 + below(3, random); times > 0; times -= 1) lines = damage(lines, fuzzing);
  return lines.join('\n');
}

const tokens = [
  'null',
  '[]',
  '{}',
  '""',
  '-1',
  '1.5',
  '0x',
  '*a',
  '&a',
  '<<: *a',
  '!reset',
  '!override',
  '${',
  '${A:-',
  '$$',
  'true',
  '99999999999999999999',
  '- -',
  '? x',
  '---',
  '__proto__: 1',
  'services:',
  '\u0007',
  "'",
  '"',
  '2001-12-14',
  '.inf',
  '[a, b]',
  '{a: b}',
  '1-2',
  ':',
  'service:a',
  '!!binary x',
  '|',
  '>-',
  '\t',
];

function damage(lines: readonly string[], { texts, random }: Fuzzing): string[] {
  const pickOne = <T>(list: readonly T[]): T => pick(list, random);
  const randomBelow = (limit: number): number => below(limit, random);
  const at = randomBelow(lines.length);
  const line = lines[at] ?? '';
  const replaced = (text: string): string[] => lines.toSpliced(at, 1, text);
  const colon = line.indexOf(':');
  const kinds: (() => string[])[] = [
    () => lines.toSpliced(at, 1),
    () => lines.toSpliced(at, 0, line),
    () => lines.toSpliced(at, 1, pickOne(lines)),
    () => replaced(`  ${line}`),
    () => replaced(line.slice(1)),
    () => replaced(`${line.slice(0, colon + 1)} ${pickOne(tokens)}`),
    () => replaced(`${line.slice(0, randomBelow(line.length + 1))}${pickOne(tokens)}`),
    () => replaced(line.replace(/\w+/, () => pickOne(pickOne(texts).split(/\W+/)))),
    () =>
      replaced(
        line.slice(0, randomBelow(line.length + 1)) +
          String.fromCharCode(randomBelow(200)) +
          line.slice(randomBelow(line.length + 1)),
      ),
    () => lines.slice(0, at),
    () => [...lines, ...pickOne(texts).split('\n')],
  ];
  return pickOne(kinds)();
}

function pick<T>(list: readonly T[], random: () => number): T {
  return list[below(list.length, random)] as T;
}

function below(limit: number, random: () => number): number {
  return Math.floor(random() * Math.max(1, limit));
}

/** mulberry32: the same seed gives the same inputs. */
function generator(start: number): () => number {
  let state = start >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}
