import { readFile } from 'node:fs/promises';
import { readFileSync } from 'node:fs';
import type { Machine } from '../../fixtures/lab/machine.js';
import type { Asked } from './gaps.js';

/** On each machine: what its probe wrote. */
export const watchFolder = '/srv/faults';

/**
 * Asks five times a second for a name, then whether the first address of the answer answers, and writes
 * `SECONDS-SINCE-THE-HOST-STARTED 0|1 0|1`: a clock that no jump of the time of day moves. It runs as the
 * container's own program, so that it goes on when the engine is gone.
 */
export const watchScript = (name: string): string => `while :; do
  read at rest < /proc/uptime
  to=$(timeout 2 nslookup ${name} 2>/dev/null | sed -n 's/^Address[^:]*: *\\(10\\.[0-9.]*\\)$/\\1/p' | head -n 1)
  n=0; p=0
  if [ -n "$to" ]; then n=1; ping -c 1 -W 1 "$to" >/dev/null 2>&1 && p=1; fi
  echo "$at $n $p" >> /watch/log
  sleep 0.2
done`;

/** Seconds since the host started, as the probes see them. */
export const hostSeconds = (): number => Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]);

export interface ProbeLog {
  readonly names: readonly Asked[];
  readonly packets: readonly Asked[];
}

/** What a probe wrote; a line that a power cut cut off does not count. */
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
  return probeLog(await readFile(machine.file(`${watchFolder}/log`), 'utf8'));
}
