import { spawn } from 'node:child_process';
import type { ExecutionContext } from 'ava';
import type { E2eCluster } from './e2e-cluster.js';
import { resultOf } from './e2e-cluster.js';
import type { ProgramResult } from '../program/shoal-program.js';

/** The variables that `shoal env` prints for a shell. */
async function environmentOf(cluster: E2eCluster): Promise<Readonly<Record<string, string>>> {
  const printed = await cluster.output(['env', '--shell', 'bash']);
  const exported = [...printed.matchAll(/^export (\w+)="(.*)"$/gmu)];
  return Object.fromEntries(exported.map(([, name = '', value = '']) => [name, value]));
}

function runDocker(
  env: Readonly<Record<string, string | undefined>>,
  argv: readonly string[],
  input: string,
): Promise<ProgramResult> {
  const child = spawn('docker', argv, { env, stdio: ['pipe', 'pipe', 'pipe'] });
  child.stdin.end(input);
  return resultOf(child);
}

/** Exercises the common commands of a stock docker client against the to-do application. */
export async function checkStockDocker(t: ExecutionContext, cluster: E2eCluster): Promise<void> {
  const dockerEnv = await environmentOf(cluster);
  const env = { PATH: process.env.PATH, HOME: cluster.home, ...dockerEnv };
  const docker = (argv: readonly string[], input = ''): Promise<ProgramResult> =>
    runDocker(env, argv, input);
  const rows = await cluster.ps();
  const listed = await docker(['ps', '--format', '{{.Names}} {{.Label "io.shoal.node.name"}}']);
  t.deepEqual(
    listed.stdout.trim().split('\n').sort(),
    rows.map(({ Name, Node }) => `${Name} ${Node}`).sort(),
    listed.stderr,
  );
  const stats = await docker(['stats', '--no-stream', '--format', '{{.Name}} {{.MemUsage}}']);
  const measured = stats.stdout.trim().split('\n');
  t.deepEqual(
    measured.map((line) => line.split(' ')[0]).sort(),
    rows.map(({ Name }) => Name).sort(),
    stats.stderr,
  );
  for (const { Name, Node } of rows) {
    const seen = await docker(['inspect', '--format', '{{.Node.Name}} {{.State.Running}}', Name]);
    t.is(seen.stdout, `${Node} true\n`, seen.stderr);
  }
  const script = 'cat; echo over >&2; exit 5';
  const result = await docker(
    ['exec', '-i', 'todo-app-redis-slave-1', 'sh', '-c', script],
    'hello',
  );
  t.deepEqual(result, { code: 5, stdout: 'hello', stderr: 'over\n' });
  const log = await docker(['logs', '--tail', '1', 'todo-app-redis-master-1']);
  t.is(log.stdout.trim().split('\n').length, 1, log.stderr);
  const missing = await docker(['inspect', 'nosuch']);
  t.is(missing.code, 1);
  t.regex(missing.stderr, /No such object: nosuch/u);
}
