import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test, { type ExecutionContext } from 'ava';
import { diagnose } from '../../../cli/doctor/findings.js';
import { doctorProbe, parseDoctorFacts, probeLimitMs } from '../../../cli/doctor/probe.js';
import type { DoctorFacts } from '../../../cli/doctor/probe.js';

const answer = 'echo "rtt min/avg/max/mdev = 0.1/0.2/0.3/0.1 ms"';

/** Fails the first `failures` calls with the same second argument, then runs `then`. */
const flaky = (failures: number, then: string): string => `
count="$0.count.$2"
echo x >> "$count"
[ "$(wc -l < "$count")" -gt ${String(failures)} ] || exit 124
${then}
`;

/** Runs the probe with stubs in place of the tools that reach the network and the engine. */
async function probe(
  t: ExecutionContext,
  stubs: Readonly<Record<string, string>>,
): Promise<DoctorFacts> {
  const folder = await mkdtemp(join(tmpdir(), 'probe-'));
  t.teardown(() => rm(folder, { recursive: true }));
  const all = {
    docker: 'echo 28.5.0',
    timeout: 'shift; exec "$@"',
    ping: answer,
    bash: 'exit 0',
    df: 'echo; [ "$1" = -Pk ] && echo a 2000 500 1500 25% / || echo a 100 7 93 7% /',
    id: 'echo 0',
    sleep: '',
    systemctl: 'exit 1',
    sudo: 'exit 1',
    nsenter: 'exit 1',
    ...stubs,
  };
  for (const [name, script] of Object.entries(all)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  const { stdout } = await new Promise<{ stdout: string }>((resolve, reject) => {
    const child = execFile(
      'sh',
      ['-s', '--', '192.0.2.2', '--', '192.0.2.1:7070', '--'],
      { env: { PATH: `${folder}:${process.env.PATH ?? ''}` }, timeout: 60_000 },
      (error, out) => {
        if (error === null) resolve({ stdout: out });
        else reject(new Error(error.message, { cause: error }));
      },
    );
    child.stdin?.end(doctorProbe);
  });
  return parseDoctorFacts(stdout, 0, 0);
}

const problems = (facts: DoctorFacts): readonly string[] =>
  diagnose([{ name: 'a', address: '192.0.2.1', facts: { ...facts, skewMs: 0 } }])
    .filter(({ problem }) => !problem.includes('checksum'))
    .map(({ problem }) => problem);

test('a machine whose tools answer has no findings', async (t) => {
  const facts = await probe(t, {});
  t.is(facts.engine, '28.5.0');
  t.deepEqual(facts.disk, { totalBytes: 2_048_000, freeBytes: 1_536_000 });
  t.is(facts.inodesPercent, 7);
  t.deepEqual(facts.ports, [{ target: '192.0.2.1:7070', open: true }]);
  t.deepEqual(problems(facts), []);
});

test('one slow answer of manager, peer and engine is no finding', async (t) => {
  const facts = await probe(t, {
    timeout: flaky(1, 'shift; exec "$@"'),
    ping: flaky(1, answer),
  });
  t.deepEqual(problems(facts), []);
});

test('a manager, peer and engine that do not answer twice are findings', async (t) => {
  const facts = await probe(t, { timeout: 'exit 124', ping: 'exit 1' });
  t.deepEqual(problems(facts), [
    'Docker Engine does not answer',
    'cannot reach 192.0.2.2 (192.0.2.2)',
    'cannot reach the manager at 192.0.2.1:7070',
  ]);
});

test('a unit that is being restarted is observed again', async (t) => {
  const facts = await probe(t, {
    systemctl: `case "$*" in
cat*) exit 0;;
"-q is-active"*) ${flaky(1, 'exit 0')};;
*) echo active;;
esac`,
  });
  t.deepEqual(
    facts.units.map(({ state }) => state),
    ['active', 'active'],
  );
});

test('the limit of the probe grows with each path, port and container that it observes', (t) => {
  const limit = (peers: number, managers: number, pairs: number) =>
    probeLimitMs({ peers, managers, pairs });
  const alone = limit(0, 0, 0);
  // Pings of 3 + 9 s twice, a port of 3 + 1 + 10 s, connections of 4 + 15 s after a query of 10 s.
  t.true(limit(9, 0, 0) - alone >= 9 * 24_000);
  t.true(limit(0, 9, 0) - alone >= 9 * 14_000);
  t.true(limit(0, 0, 9) - alone >= 9 * (24_000 + 29_000));
});
