import { execFileSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { release } from 'node:os';
import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import { withCluster } from '../bench/cluster.js';
import type { Fault } from './cases.js';
import { faults } from './cases.js';
import type { ClusterKind, FaultOptions } from './options.js';
import { faultOptions } from './options.js';
import type { Outcome, Report } from './outcome.js';
import { teardownName, lastOutcomes, line, markdown, summary } from './report.js';
import { FaultCluster } from './fault-cluster.js';
import { runFault } from './run-fault.js';

/*
 * `npm run faults` injects every fault of cases.ts into real lab machines, in a cluster with the
 * embedded store and in one with Consul. docs/reference/faults.md describes the checks.
 */

const chosen = (kind: ClusterKind, { only }: FaultOptions): readonly Fault[] =>
  faults[kind].filter(({ name }) => only.length === 0 || only.some((part) => name.includes(part)));

async function runAll(kind: ClusterKind, options: FaultOptions): Promise<readonly Outcome[]> {
  const cases = chosen(kind, options);
  if (cases.length === 0) return [];
  const outcomes: Outcome[] = [];
  const name = process.env.SHOAL_LAB ?? 'fmatrix';
  try {
    await withCluster(name, process.env.SHOAL_LAB_SUBNET ?? '10.98.140', async (cluster) => {
      const scene = await FaultCluster.make(cluster, kind);
      for (const fault of cases) {
        const outcome = await runFault(scene, fault, options.seed);
        outcomes.push(outcome);
        process.stderr.write(`${line(outcome)}\n`);
      }
      await scene.remove();
    });
  } catch (error) {
    const skip = isAppError(error) && error.kind === 'unsupported';
    if (!skip && outcomes.length < cases.length) throw error;
    const rest = cases.slice(outcomes.length).map((fault) => fault.name);
    const result = skip ? 'skipped' : 'FAILED';
    const names = rest.length > 0 ? rest : [teardownName];
    outcomes.push(
      ...names.map((each): Outcome => ({
        cluster: kind,
        name: each,
        result,
        why: messageOf(error),
      })),
    );
  }
  return outcomes;
}

function versions(): string {
  const engine = execFileSync('dockerd', ['--version'], { encoding: 'utf8' });
  const [, docker = 'unknown'] = /version ([^,]+)/u.exec(engine) ?? [];
  return `engine ${docker}, Linux ${release()}, Node ${process.versions.node}`;
}

async function run(options: FaultOptions): Promise<readonly Report[]> {
  if (options.from.length > 0)
    return Promise.all(
      options.from.map(async (path) => JSON.parse(await readFile(path, 'utf8')) as Report),
    );
  const outcomes: Outcome[] = [];
  for (const kind of options.clusters) outcomes.push(...(await runAll(kind, options)));
  const date = new Date().toISOString().slice(0, 10);
  return [{ date, seed: options.seed, versions: versions(), outcomes }];
}

try {
  const options = faultOptions(process.argv.slice(2), Math.floor(Math.random() * 1_000_000));
  if (options.list) {
    const names = options.clusters.flatMap((kind) =>
      chosen(kind, options).map(({ name }) => `${kind}: ${name}`),
    );
    console.log(names.join('\n'));
  } else {
    process.stderr.write(`seed ${options.seed}\n`);
    const reports = await run(options);
    const outcomes = lastOutcomes(reports);
    console.log(
      options.format === 'json' ? JSON.stringify(reports[0], undefined, 1) : summary(outcomes),
    );
    if (options.report !== undefined) await writeFile(options.report, markdown(reports));
    process.exitCode = outcomes.some(({ result }) => result === 'FAILED') ? 1 : 0;
  }
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = 1;
}
