import { setTimeout as pause } from 'node:timers/promises';
import type { Machine } from '../../fixtures/lab/machine.js';
import { run } from '../../fixtures/lab/run.js';
import type { FaultAction } from './fault-actions.js';

interface DaemonDisk {
  readonly unit: string;
  readonly folder: string;
  /** Free space at first. */
  readonly freeMb: number;
}

export const storeDisk: DaemonDisk = {
  unit: 'shoal-manager',
  folder: '/var/lib/shoal/manager',
  freeMb: 8,
};
export const workerDisk: DaemonDisk = {
  unit: 'shoal-worker',
  folder: '/var/lib/shoal/worker',
  freeMb: 8,
};
export const consulDisk: DaemonDisk = {
  unit: 'shoal-consul',
  folder: '/var/lib/shoal/consul',
  freeMb: 16,
};

const fullMs = 8_000;

/* The daemon's folder moves to a small in-memory file system before the fault and back after it. */
export async function shrinkDisk(
  machine: Machine,
  { unit, folder, freeMb }: DaemonDisk,
): Promise<void> {
  await machine.output([
    'sh',
    '-euc',
    `systemctl stop ${unit}
     used=$(du -sm ${folder} | cut -f1)
     mount -t tmpfs -o size=$((used + ${freeMb}))m,mode=$(stat -c %a ${folder}) small /mnt
     cp -a ${folder}/. /mnt/
     mount --bind /mnt ${folder}
     umount /mnt
     systemctl start ${unit}`,
  ]);
}

export async function restoreDisk(machine: Machine, { unit, folder }: DaemonDisk): Promise<void> {
  await machine.output([
    'sh',
    '-euc',
    `systemctl stop ${unit}
     mount --bind ${folder} /mnt
     umount ${folder}
     find ${folder} -mindepth 1 -delete
     cp -a /mnt/. ${folder}/
     umount /mnt
     systemctl start ${unit}`,
  ]);
}

const engineFolder = '/var/lib/docker';
const engineFreeMb = 64;

/**
 * The same for the engine, with the machine off, as containers outlive their engine and use its
 * files.
 */
export async function shrinkEngineDisk(machine: Machine): Promise<void> {
  await whileOff(
    machine,
    `used=$(du -sm docker | cut -f1)
     mkdir -p small
     mount -t tmpfs -o size=$((used + ${engineFreeMb}))m,mode=710 small small
     cp -a docker/. small/
     mount --bind small docker
     umount small
     rmdir small`,
  );
}

export async function restoreEngineDisk(machine: Machine): Promise<void> {
  await whileOff(
    machine,
    `mkdir kept
     cp -a docker/. kept/
     umount docker
     find docker -mindepth 1 -delete
     cp -a kept/. docker/
     rm -rf kept`,
  );
}

/** Runs a script of the host in the machine's folder while the machine is off. */
async function whileOff(machine: Machine, script: string): Promise<void> {
  await machine.kill();
  await run(['sh', '-euc', `cd ${machine.dir}\n${script}`]);
  await machine.boot();
  await machine.ready();
}

/** Fills the disk, waits and frees the space again. */
export const fillDisk =
  (where: string, folder = engineFolder): FaultAction =>
  async (scene) => {
    const machine = scene.machine(where);
    await machine.exec(['sh', '-c', `cat /dev/zero > ${folder}/ballast`]);
    await pause(fullMs);
    await machine.output(['rm', '-f', `${folder}/ballast`]);
    return { where, affected: [] };
  };
