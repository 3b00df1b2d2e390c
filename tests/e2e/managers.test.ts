import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'ava';
import { findConsul } from '../../fixtures/consul/program.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { waitFor } from '../../fixtures/lab/wait.js';
import type { PsRow } from '../helpers/lab/e2e-cluster.js';
import { E2eCluster, resultOf } from '../helpers/lab/e2e-cluster.js';
import { checkTeamDay } from '../helpers/lab/team-day.js';

/*
 * Three machines, each with a manager and a Consul server. Containers must not notice what happens
 * to the leader. Each test leaves the to-do application running for the next.
 */

const consul = await findConsul();
const hasLab = process.platform === 'linux' && process.getuid?.() === 0 && 'path' in consul;
const managersTest = hasLab ? test.serial : test.serial.skip;

let cluster: E2eCluster;

test.before(async () => {
  if (!hasLab) return;
  const binary = 'path' in consul ? consul.path : '';
  cluster = await E2eCluster.create('managers', '10.98.206', [
    ...['--swarm-managers', '3', '--consul-server', '--consul-binary', binary],
  ]);
});

test.after.always(async () => {
  if (hasLab) await cluster.remove();
});

async function managers(): Promise<ReadonlyMap<string, string>> {
  const { code, stdout } = await cluster.run([
    ...['manager', 'ls', '--format', '{{.Hostname}} {{.Status}}'],
  ]);
  if (code !== 0) return new Map();
  const lines = stdout.trim().split('\n');
  return new Map(lines.map((line) => line.split(' ') as [string, string]));
}

/** The leader's machine, once `reachable` managers answer. */
async function leader(reachable = 3): Promise<Machine> {
  return waitFor(
    `a leader among ${String(reachable)} managers`,
    async () => {
      const seen = await managers();
      const alive = [...seen].filter(([, status]) => status !== 'Unreachable');
      const [name] = alive.find(([, status]) => status === 'Leader') ?? [];
      return alive.length === reachable && name !== undefined
        ? cluster.lab.machine(name)
        : undefined;
    },
    { timeoutMs: 60_000 },
  );
}

async function running(count: number): Promise<readonly PsRow[]> {
  return waitFor(
    `${String(count)} containers`,
    async () => {
      const { code, stdout } = await cluster.run(['ps', '--format', 'json', '--no-trunc']);
      if (code !== 0) return undefined;
      const rows = stdout
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line) as PsRow)
        .filter(({ State }) => State === 'running');
      return rows.length === count ? rows : undefined;
    },
    { timeoutMs: 60_000 },
  );
}

const ids = (rows: readonly PsRow[]): readonly string[] => rows.map(({ ID }) => ID).sort();

/** Containers as the engines report them, without a manager. */
async function onMachines(): Promise<readonly string[]> {
  const found = await cluster.outputOnAll(['docker', 'ps', '-q', '--no-trunc']);
  return [...found.values()].flatMap((text) => text.split('\n').filter((id) => id !== '')).sort();
}

managersTest('every manager accepts commands for the cluster', async (t) => {
  const up = await cluster.run(['up', '-d', '--wait']);
  t.is(up.code, 0, up.stderr);
  const before = ids(await running(3));
  const record = await readFile(join(cluster.home, 'clusters', 'default.json'), 'utf8');
  const parsed = JSON.parse(record) as { readonly managers: readonly object[] };
  t.is(parsed.managers.length, 3);
  for (const manager of parsed.managers) {
    const home = await mkdtemp(join(tmpdir(), 'shoal-e2e-one-'));
    t.teardown(() => rm(home, { recursive: true, force: true }));
    await cp(cluster.home, home, { recursive: true, filter: (path) => !path.includes('/cache') });
    await writeFile(
      join(home, 'clusters', 'default.json'),
      JSON.stringify({ ...parsed, managers: [manager] }),
    );
    const result = await cluster.run(['--storage-path', home, 'up', '-d']);
    t.is(result.code, 0, result.stderr);
  }
  t.deepEqual(await onMachines(), before);
});

managersTest("a small team's day", async (t) => {
  await checkTeamDay(t, cluster);
});

interface EventLine {
  readonly time: string;
  readonly type: string;
  readonly action: string;
  readonly id: string;
}

/** Starts `shoal events` and waits until it streams; `end` interrupts it and returns its output. */
async function openEvents(): Promise<{ readonly end: () => Promise<string> }> {
  const child = cluster.start(['events', '--json']);
  const result = resultOf(child);
  let isOpen = false;
  child.stdout?.once('data', () => {
    isOpen = true;
  });
  await waitFor('the stream of events to be open', async () => {
    await cluster.output(['pause', 'redis-slave']);
    await cluster.output(['unpause', 'redis-slave']);
    return isOpen;
  });
  return {
    end: async () => {
      child.kill('SIGINT');
      return (await result).stdout;
    },
  };
}

const lines = (text: string): readonly string[] => text.split('\n').filter((line) => line !== '');

managersTest('the next leader schedules after a leader failure, and containers stay', async (t) => {
  const before = await running(3);
  const first = await leader();
  const live = await openEvents();
  const opened = new Date().toISOString();
  const isLater = (line: string): boolean => (JSON.parse(line) as EventLine).time > opened;
  await first.output(['systemctl', 'kill', '-s', 'KILL', 'shoal-manager']);
  const scaled = await cluster.run(['scale', 'redis-slave=2']);
  t.is(scaled.code, 0, scaled.stderr);
  const after = await running(4);
  t.deepEqual(
    ids(before).filter((id) => !ids(after).includes(id)),
    [],
  );
  t.is((await cluster.run(['scale', 'redis-slave=1'])).code, 0);
  await leader();
  await running(3);
  const eventArgs = ['events', '--json', '--since', opened, '--until', '0s'];
  const kept = await waitFor('the last event to be stored', async () => {
    const events = lines(await cluster.output(eventArgs)).filter(isLater);
    const stopped = events.some((line) => (JSON.parse(line) as EventLine).action === 'stop');
    return stopped && events;
  });
  const streamed = lines(await live.end()).filter(isLater);
  t.deepEqual(
    streamed.filter((line) => !kept.includes(line)),
    [],
  );
  t.deepEqual(
    kept.filter((line) => !streamed.includes(line)),
    [],
    'the stream open across the leader change misses no event',
  );
});

managersTest('a leader that resumes after SIGSTOP writes nothing and follows', async (t) => {
  const first = await leader();
  await first.output(['systemctl', 'kill', '-s', 'STOP', 'shoal-manager']);
  await waitFor('another manager to lead', async () => {
    const seen = await managers();
    return [...seen].some(([name, status]) => status === 'Leader' && name !== first.name);
  });
  const created = await cluster.run(['network', 'create', 'while-stopped']);
  t.is(created.code, 0, created.stderr);
  await first.output(['systemctl', 'kill', '-s', 'CONT', 'shoal-manager']);
  const second = await leader();
  t.not(second.name, first.name);
  const { stdout } = await first.exec([
    ...['journalctl', '-u', 'shoal-manager', '-o', 'cat', '-n', '20'],
  ]);
  t.regex(stdout, /leadership lost/u);
  t.is((await cluster.run(['network', 'rm', 'while-stopped'])).code, 0);
  t.is((await running(3)).length, 3);
});

managersTest(
  "after the leader's machine loses power, the next leader replaces its tasks",
  async (t) => {
    const before = await running(3);
    const first = await leader();
    await first.kill();
    const second = await leader(2);
    t.not(second.name, first.name);
    const after = await running(3);
    t.false(after.some(({ Node }) => Node === first.name));
    const kept = before.filter(({ Node }) => Node !== first.name);
    t.deepEqual(
      ids(kept).filter((id) => !ids(after).includes(id)),
      [],
    );
    await first.boot();
    await leader(3);
    await waitFor('its stale containers to be removed', async () => {
      return (await onMachines()).join() === ids(after).join();
    });
  },
);

managersTest('without a consul quorum changes are refused and containers go on', async (t) => {
  const before = ids(await running(3));
  const [, ...two] = cluster.machines();
  const each = (verb: string): Promise<unknown> =>
    Promise.all(two.map((machine) => machine.output(['systemctl', verb, 'shoal-consul'])));
  await each('stop');
  const refused = await cluster.run(['network', 'create', 'too-early']);
  t.is(refused.code, 1);
  t.regex(refused.stderr, /consul.* cannot be (?:reached|written)|no leading manager/u);
  t.is(refused.stderr.trim().split('\n').length, 1, refused.stderr);
  t.deepEqual(await onMachines(), before);
  await each('start');
  await leader();
  t.deepEqual(ids(await running(3)), before);
  const down = await cluster.run(['down']);
  t.is(down.code, 0, down.stderr);
});
