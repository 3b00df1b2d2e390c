import { setTimeout as pause } from 'node:timers/promises';
import type { Machine } from '../../fixtures/lab/machine.js';
import type { FaultCluster } from './fault-cluster.js';
import { nodes } from './fault-cluster.js';

/**
 * The effect of a fault. It stopped the containers on the listed machines, so their probes do not
 * count.
 */
export interface FaultEffect {
  readonly where: string;
  readonly affected: readonly string[];
}

export type FaultAction = (scene: FaultCluster, random: () => number) => Promise<FaultEffect>;

/** Selects the target machine when the fault strikes. */
export type TargetSelector = (
  scene: FaultCluster,
  random: () => number,
) => Promise<string> | string;

export const leader: TargetSelector = (scene) => scene.leader();
export const consulLeader: TargetSelector = (scene) => scene.consulLeader();
export const any: TargetSelector = (_scene, random) => oneOf(nodes, random);

/** Any machine but the first that `other` chooses. */
export const anyBut =
  (other: TargetSelector): TargetSelector =>
  async (scene, random) => {
    const not = await other(scene, random);
    return oneOf(
      nodes.filter((name) => name !== not),
      random,
    );
  };

function oneOf(names: readonly string[], random: () => number): string {
  return names[Math.floor(random() * names.length)] ?? nodes[0];
}

export const kill =
  (unit: string, choose: TargetSelector): FaultAction =>
  async (scene, random) => {
    const where = await choose(scene, random);
    await scene.machine(where).output(['systemctl', 'kill', '-s', 'KILL', unit]);
    return { where, affected: [] };
  };

/** Kills the processes of a unit on all machines at once. */
export const killAll =
  (unit: string): FaultAction =>
  async (scene) => {
    const signal = ['systemctl', 'kill', '-s', 'KILL', unit];
    await Promise.all(nodes.map((name) => scene.machine(name).output(signal)));
    return { where: 'all', affected: [] };
  };

export const powerCut =
  (choose: TargetSelector | 'all', offMs = 3_000): FaultAction =>
  async (scene, random) => {
    const hurt = choose === 'all' ? [...nodes] : [await choose(scene, random)];
    const machines = hurt.map((name) => scene.machine(name));
    await Promise.all(machines.map((machine) => machine.kill()));
    await pause(offMs);
    await Promise.all(machines.map(powerOn));
    return { where: choose === 'all' ? 'all' : (hurt[0] ?? ''), affected: hurt };
  };

async function powerOn(machine: Machine): Promise<void> {
  await machine.boot();
  await machine.ready();
}

/** Cuts second machines off from each other, or first machine from all others. */
export const cableCut =
  (seconds: number, first: TargetSelector, second?: (not: string) => TargetSelector): FaultAction =>
  async (scene, random) => {
    const a = await first(scene, random);
    const b = second === undefined ? undefined : await second(a)(scene, random);
    await scene.lab.cut(a, b);
    await pause(seconds * 1_000);
    await scene.lab.heal(a, b);
    return { where: b === undefined ? a : `${a}, ${b}`, affected: [] };
  };

/** Stops second of three Consul servers for a while, so that no write succeeds. */
export const quorumLost =
  (seconds: number): FaultAction =>
  async (scene, random) => {
    const stays = await any(scene, random);
    const gone = nodes.filter((name) => name !== stays);
    const each = (verb: string): Promise<unknown> =>
      Promise.all(
        gone.map((name) => scene.machine(name).output(['systemctl', verb, 'shoal-consul'])),
      );
    await each('stop');
    await pause(seconds * 1_000);
    await each('start');
    return { where: gone.join(', '), affected: [] };
  };
