import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import type { Machine } from '../../fixtures/lab/machine.js';
import type { ProbeSample } from './outages.js';

/** The folder of the probe's log on each machine. */
export const probeFolder = '/srv/faults';

/**
 * Five times a second, resolves a name, pings the first address and logs `SECONDS-SINCE-BOOT 0|1
 * 0|1`, on a clock that jumps of the time of day do not move. Runs as the container's main process,
 * so that it goes on without the engine.
 */
export const probeScript = (name: string): string => `while :; do
  read at rest < /proc/uptime
  to=$(timeout 2 nslookup ${name} 2>/dev/null | sed -n 's/^Address[^:]*: *\\(10\\.[0-9.]*\\)$/\\1/p' | head -n 1)
  n=0; p=0
  if [ -n "$to" ]; then n=1; ping -c 1 -W 1 "$to" >/dev/null 2>&1 && p=1; fi
  echo "$at $n $p" >> /watch/log
  sleep 0.2
done`;

/** Seconds since the host booted, the clock of the probes. */
export const hostSeconds = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);

export interface ProbeLog {
  readonly names: readonly ProbeSample[];
  readonly packets: readonly ProbeSample[];
}

/** Parses a probe's log; ignores a line truncated by a power cut. */
export function probeLog(text: string): ProbeLog {
  const lines = text.split('\n').flatMap((line) => {
    const [, at, named, answered] = /^([\d.]+) ([01]) ([01])$/u.exec(line) ?? [];
    return at === undefined ? [] : [{ at: Number(at), named, answered }];
  });
  return {
    names: lines.map(({ at, named }) => ({ at, answered: named === '1' })),
    packets: lines.map(({ at, answered }) => ({ at, answered: answered === '1' })),
  };
}

export async function readProbe(machine: Machine): Promise<ProbeLog> {
  return probeLog(await readFile(machine.file(`${probeFolder}/log`), 'utf8'));
}
