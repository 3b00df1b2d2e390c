import { copyFile, mkdir, rm, writeFile } from 'node:fs/promises';
import { setTimeout as pause } from 'node:timers/promises';
import { findFaketime } from '../../fixtures/faketime/library.js';
import type { Machine } from '../../fixtures/lab/machine.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { TargetSelector, FaultAction } from './fault-actions.js';

/*
 * libfaketime gives a process another time of day than its machine: it reads an offset from a file
 * once a second. Monotonic clocks are left alone, as when a real clock is set.
 */

const library = '/srv/libfaketime.so';
const file = '/srv/clock';
const variables = {
  LD_PRELOAD: library,
  FAKETIME_TIMESTAMP_FILE: file,
  FAKETIME_CACHE_DURATION: '1',
  FAKETIME_DONT_FAKE_MONOTONIC: '1',
  FAKETIME_DONT_RESET: '1',
};
const assignments = Object.entries(variables).map(([name, value]) => `${name}=${value}`);
const dropIn = (unit: string): string => `/etc/systemd/system/${unit}.service.d/50-clock.conf`;
const heldMs = 15_000;

/** Restarts a unit with its own clock, at first without an offset. */
export async function installClock(machine: Machine, unit: string): Promise<void> {
  const found = await findFaketime();
  if ('missing' in found) throw new AppError('unsupported', found.missing);
  await copyFile(found.path, machine.file(library));
  await writeFile(machine.file(file), '+0\n');
  const path = machine.file(dropIn(unit));
  await mkdir(path.slice(0, path.lastIndexOf('/')), { recursive: true });
  await writeFile(path, `[Service]\nEnvironment=${assignments.join(' ')}\n`);
  await machine.output(['systemctl', 'daemon-reload']);
  await machine.output(['systemctl', 'restart', unit]);
}

export async function removeClock(machine: Machine, unit: string): Promise<void> {
  await rm(machine.file(dropIn(unit)), { force: true });
  await machine.output(['systemctl', 'daemon-reload']);
  await machine.output(['systemctl', 'restart', unit]);
}

/** Sets the clock off by `seconds`, waits and sets it right again. */
export const clockJump =
  (choose: TargetSelector, seconds: number): FaultAction =>
  async (scene, random) => {
    const where = await choose(scene, random);
    const machine = scene.machine(where);
    const jump = async (to: number): Promise<void> => {
      await writeFile(machine.file(file), `${to < 0 ? '' : '+'}${to}\n`);
      const seen = Number(await machine.output(['env', ...assignments, 'date', '+%s']));
      const off = seen - Date.now() / 1_000;
      if (Math.abs(off - to) > 60)
        throw new AppError('internal', `the clock of ${where} is off by ${off.toFixed(0)} s`);
    };
    await jump(seconds);
    await pause(heldMs);
    await jump(0);
    return { where, affected: [] };
  };
