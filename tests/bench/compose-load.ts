import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { builtProgram } from '../../fixtures/build/program.js';
import { projectFolder } from '../helpers/compose/corpus.js';

const main = builtProgram();
const runCount = 5;

/**
 * `npm run bench -- compose-load [SERVICES]` measures the whole program: `config` on a large file
 * and on the to-do application. Reports the best of five runs, as other load only adds time.
 */
export function run(args: readonly string[]): Promise<void> {
  const count = Number(args[0] ?? 2_000);
  const folder = mkdtempSync(join(tmpdir(), 'compose-load-'));
  try {
    const text = largeFile(count);
    writeFileSync(join(folder, 'compose.yaml'), text);
    measure(`${String(count)} services, ${String(text.length)} bytes`, folder);
    measure('the to-do application', join(projectFolder(), 'fixtures/todo-app'));
  } finally {
    rmSync(folder, { recursive: true });
  }
  return Promise.resolve();
}

function measure(subject: string, cwd: string): void {
  const runs = Array.from({ length: runCount }, () => once(cwd));
  const best = (key: 'wallMs' | 'cpuMs' | 'rssMb'): string =>
    Math.min(...runs.map((each) => each[key])).toFixed(0);
  console.log(
    `config of ${subject}: ${best('wallMs')} ms, ${best('cpuMs')} ms of CPU, ${best('rssMb')} MiB`,
  );
}

/** A preload script that prints resource usage to standard error on exit. */
const hook =
  'process.on("exit",()=>{const u=process.resourceUsage();process.stderr.write(`\\nused ${u.userCPUTime+u.systemCPUTime} ${u.maxRSS}`)})';

function once(cwd: string): { wallMs: number; cpuMs: number; rssMb: number } {
  const started = performance.now();
  const flags = ['--import', `data:text/javascript,${encodeURIComponent(hook)}`];
  const { status, stderr } = spawnSync(process.execPath, [...flags, main, 'config'], {
    cwd,
    env: { PATH: process.env.PATH, HOME: cwd },
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const wallMs = performance.now() - started;
  const used = /used (\d+) (\d+)$/u.exec(stderr);
  if (status !== 0 || used === null) throw new Error(`config failed: ${stderr}`);
  return { wallMs, cpuMs: Number(used[1]) / 1_000, rssMb: Number(used[2]) / 1_024 };
}

/** Services of some fifteen lines each: short and long forms, variables, dependencies, mounts, limits. */
function largeFile(count: number): string {
  const services = Array.from(
    { length: count },
    (_, index) => `  svc${String(index)}:
    image: registry.example.com/team/app${String(index % 40)}:1.${String(index)}
    command: ["run", "--port", "8080"]
    environment:
      A: "${String(index)}"
      DB_HOST: \${DB_HOST:-db${String(index % 10)}}
      LEVEL: info
    ports: ["${String(10_000 + index)}:8080"]
    volumes: ["data${String(index % 50)}:/data", "./conf/${String(index)}:/etc/app:ro"]
    depends_on: [svc${String(Math.max(0, index - 1))}${index % 10 === 0 ? 'x' : ''}]
    labels: [a=b, "n=${String(index)}"]
    networks: [net${String(index % 20)}]
    healthcheck: {test: ["CMD", "true"], interval: 10s}
    deploy: {replicas: 2, resources: {limits: {cpus: "0.5", memory: 128M}}}
    restart: unless-stopped
`,
  ).map((text) => text.replace(/ {4}depends_on: \[svc\d+x\]\n/u, ''));
  const named = (name: string, length: number): string =>
    Array.from({ length }, (_, index) => `  ${name}${String(index)}: {}\n`).join('');
  return `services:\n${services.join('')}volumes:\n${named('data', 50)}networks:\n${named('net', 20)}`;
}
