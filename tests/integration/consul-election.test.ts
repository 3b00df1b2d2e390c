import type { ChildProcess } from 'node:child_process';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ExecutionContext } from 'ava';
import type { ConsulServers } from '../../fixtures/consul/server.js';
import { newId } from '../../manager/common/base/random.js';
import { clientOf, consulTest, openTestConsul, sharedConsul } from '../helpers/consul/consul.js';
import { until } from '../helpers/until.js';

const program = fileURLToPath(new URL('../helpers/consul/leader-main.js', import.meta.url));

const shared = sharedConsul({ servers: 3 });

class Candidate {
  readonly name: string;
  readonly lines: string[] = [];
  readonly child: ChildProcess;
  errors = '';

  constructor(t: ExecutionContext, servers: ConsulServers, cluster: string, name: string) {
    this.name = name;
    const discovery = `consul://${servers.addresses.join(',')}`;
    const child = spawn(process.execPath, [program, discovery, cluster, name], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    let text = '';
    child.stdout.on('data', (chunk: Buffer) => {
      const lines = (text + chunk.toString()).split('\n');
      text = lines.pop() ?? '';
      this.lines.push(...lines);
    });
    child.stderr.on('data', (chunk: Buffer) => (this.errors += chunk.toString()));
    this.child = child;
    t.teardown(async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill('SIGKILL');
      await once(child, 'close');
    });
  }

  get written(): readonly number[] {
    return this.lines.flatMap((line) => (line.startsWith('wrote ') ? Number(line.slice(6)) : []));
  }

  get leads(): boolean {
    return this.lines.findLast((line) => line === 'leads' || line === 'over') === 'leads';
  }
}

async function candidates(
  t: ExecutionContext,
  servers: ConsulServers,
  cluster: string,
): Promise<{ readonly first: Candidate; readonly others: readonly Candidate[] }> {
  const all = ['m1', 'm2', 'm3'].map((name) => new Candidate(t, servers, cluster, name));
  await until('a candidate leads', 20_000, () => all.some(({ written }) => written.length > 3));
  // The others have asked for the lock as well, and wait for it.
  const client = clientOf(servers);
  t.teardown(() => {
    client.close();
  });
  await until('all are in the catalog', 20_000, async () => {
    const found = await client.call((consul_) =>
      consul_.health.service({ service: 'shoal-manager', tag: cluster, passing: true } as never),
    );
    return (found as readonly unknown[]).length === 3;
  });
  t.is(all.filter(({ leads }) => leads).length, 1);
  const first = all.find(({ leads }) => leads);
  if (first === undefined) throw new Error('no candidate leads');
  return { first, others: all.filter((candidate) => candidate !== first) };
}

async function stored(
  servers: ConsulServers,
  cluster: string,
): Promise<readonly { readonly n: number; readonly nodeId: string }[]> {
  const backend = await openTestConsul(clientOf(servers), {
    cluster: { id: cluster, name: cluster },
  });
  try {
    const records = await backend.load();
    return records
      .map(({ value }) => value as { readonly n: number; readonly nodeId: string })
      .sort((a, b) => a.n - b.n);
  } finally {
    await backend.close();
  }
}

consulTest(
  'another candidate follows a killed leader, and no acknowledged write is lost',
  async (t) => {
    const servers = shared();
    const cluster = newId();
    const { first, others } = await candidates(t, servers, cluster);
    const killedAt = performance.now();
    first.child.kill('SIGKILL');
    await until('another candidate writes', 20_000, () =>
      others.some(({ written }) => written.length > 0),
    );
    const tookMs = performance.now() - killedAt;
    t.log(`next write accepted after ${Math.round(tookMs)} ms`);
    t.is(others.filter(({ leads }) => leads).length, 1);
    const acknowledged = [first, ...others].flatMap(({ written }) => written);
    for (const { child } of others) child.kill('SIGKILL');
    const kept = new Set((await stored(servers, cluster)).map(({ n }) => n));
    t.deepEqual(
      acknowledged.filter((n) => !kept.has(n)),
      [],
    );
  },
);

consulTest('a leader that resumes after SIGSTOP writes nothing more', async (t) => {
  const servers = shared();
  const cluster = newId();
  const { first, others } = await candidates(t, servers, cluster);
  first.child.kill('SIGSTOP');
  await until('another candidate writes', 20_000, () =>
    others.some(({ written }) => written.length > 3),
  );
  const before = first.written.length;
  first.child.kill('SIGCONT');
  await until('the old leader steps down', 20_000, () => !first.leads);
  t.true(
    first.written.length <= before + 1,
    'at most one write that Consul had accepted before the stop',
  );
  const successor = others.find(({ leads }) => leads);
  const began = successor?.written[0] ?? 0;
  for (const { child } of others) child.kill('SIGKILL');
  first.child.kill('SIGKILL');
  const records = await stored(servers, cluster);
  const late = records.filter(({ n, nodeId }) => nodeId === first.name && n >= began);
  t.deepEqual(late, []);
  t.true(records.some(({ nodeId }) => nodeId === successor?.name));
});

consulTest('a leader that exits releases the lock at once', async (t) => {
  const servers = shared();
  const { first, others } = await candidates(t, servers, newId());
  const left = performance.now();
  first.child.kill('SIGTERM');
  await until('another candidate writes', 20_000, () =>
    others.some(({ written }) => written.length > 0),
  );
  t.log(`next write accepted after ${Math.round(performance.now() - left)} ms`);
  await until('the old leader exits', 20_000, () => first.child.exitCode === 0);
});
