import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from '../../fixtures/lab/wait.js';
import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import { seededRandom } from '../../manager/common/base/random.js';
import type { Fault } from './cases.js';
import type { Outage } from './outages.js';
import { outageIn, worstOutage } from './outages.js';
import type { Measured, Outcome } from './outcome.js';
import { keepReplicas } from './projects.js';
import type { FaultCluster } from './fault-cluster.js';
import { nodes } from './fault-cluster.js';
import { differences, observe } from './machine-observation.js';
import type { FaultEffect } from './fault-actions.js';
import { hostSeconds, readProbe } from './probe.js';
import { Writer } from './writer.js';

const settleMs = 180_000;
const scaledTo = 6;
/** Maximum delay of the fault after the start of the user's command. */
const latestMs = 2_500;

/**
 * Injects one fault and checks the cluster against the acknowledged writes. Leaves it intact for
 * the next case.
 */
export async function runFault(scene: FaultCluster, fault: Fault, seed: number): Promise<Outcome> {
  const { name } = fault;
  const head = { cluster: scene.kind, name };
  const trial = new Trial(scene, seededRandom(seed ^ hash(`${scene.kind} ${name}`)));
  try {
    await fault.prepare?.(scene);
    const measured = await trial.run(fault);
    await fault.undo?.(scene);
    const lost = trial.lost.join('; ');
    if (lost === '') return { ...head, result: 'ok', measured };
    return { ...head, result: 'FAILED', why: `acknowledged and lost: ${lost}`, measured };
  } catch (error) {
    if (isAppError(error) && error.kind === 'unsupported')
      return { ...head, result: 'skipped', why: error.message };
    await trial.mend();
    await fault.undo?.(scene).catch(() => undefined);
    return { ...head, result: 'FAILED', why: messageOf(error) };
  }
}

/** A 32-bit FNV-1a hash, so that every case draws its own machines and moments from one seed. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

class Trial {
  readonly #scene: FaultCluster;
  readonly #random: () => number;
  #writer: Writer | undefined;
  /** Replicas of `keep`, as last acknowledged. */
  #keep = 0;
  #lost: readonly string[] = [];

  constructor(scene: FaultCluster, random: () => number) {
    this.#scene = scene;
    this.#random = random;
  }

  get lost(): readonly string[] {
    return this.#lost;
  }

  async run(fault: Fault): Promise<Measured> {
    await this.#begin(fault);
    const writer = await Writer.start(this.#scene.client, nodes[1]);
    this.#writer = writer;
    const work = this.#work(fault);
    // An error of the fault itself is reported first.
    work.catch(() => undefined);
    const momentMs = fault.during === undefined ? 0 : Math.round(this.#random() * latestMs);
    await pause(momentMs);
    const from = hostSeconds();
    const struck = await fault.inject(this.#scene, this.#random);
    const over = hostSeconds();
    await work;
    await writer.stop();
    await this.#waitUntilRecovered();
    const to = hostSeconds();
    this.#lost = await writer.lost();
    const seen = await this.#probeOutages(struck, from, to);
    const changes = outageIn(writer.asked, from, Math.max(over, writer.asked.at(-1)?.at ?? over));
    const acknowledged = writer.ledger.acknowledgements;
    return { where: struck.where, momentMs, rightS: to - over, ...seen, changes, acknowledged };
  }

  /** Cleans up after a failure: boots and reconnects every machine, stops the second user. */
  async mend(): Promise<void> {
    const { lab } = this.#scene;
    for (const node of nodes) {
      await lab.heal(node);
      await lab.machine(node).boot();
    }
    await Promise.all(nodes.map((node) => lab.machine(node).ready()));
    await this.#writer?.stop().catch(() => undefined);
  }

  async #begin({ during }: Fault): Promise<void> {
    if (during === 'up') await this.#runUntilDone(['down']);
    else await this.#runUntilDone(['up', '-d', '--wait', '--scale', `keep=${keepReplicas}`]);
    this.#keep = during === 'up' ? 0 : keepReplicas;
    await this.#waitUntilRecovered();
  }

  async #work({ during }: Fault): Promise<void> {
    if (during === 'up') {
      await this.#runUntilDone(['up', '-d', '--scale', `keep=${keepReplicas}`]);
      this.#keep = keepReplicas;
    } else if (during === 'scale') {
      await this.#runUntilDone(['scale', `keep=${scaledTo}`]);
      this.#keep = scaledTo;
    } else if (during === 'update')
      await this.#runUntilDone(['up', '-d', '--force-recreate', 'keep']);
    else if (during === 'down') {
      await this.#runUntilDone(['down']);
      this.#keep = 0;
    }
  }

  /** Repeats a command until it succeeds, as a user does. */
  async #runUntilDone(argv: readonly string[]): Promise<void> {
    const { cluster, folder } = this.#scene;
    let last = '';
    const once = async (): Promise<boolean> => {
      const { code, stderr } = await cluster.try(argv, folder);
      last = stderr.trim().split('\n').at(-1) ?? '';
      return code === 0;
    };
    try {
      await waitFor(`shoal ${argv.join(' ')}`, once, { timeoutMs: settleMs, intervalMs: 500 });
    } catch (error) {
      throw new Error(`${messageOf(error)}: ${last}`, { cause: error });
    }
  }

  /**
   * Waits until the machines are as wanted, every probe reaches every replica by name, and `ps`
   * agrees.
   */
  async #waitUntilRecovered(): Promise<void> {
    let wrong: readonly string[] = [];
    const hasRecovered = async (): Promise<boolean> => {
      const wanted = { keep: this.#keep, target: 3, tide: 1, probe: nodes.length };
      const machines = nodes.map((name) => this.#scene.machine(name));
      wrong = differences(wanted, await Promise.all(machines.map((machine) => observe(machine))));
      if (wrong.length > 0) return false;
      wrong = (await Promise.all(nodes.map((name) => this.#probeDifferences(name)))).flat();
      if (wrong.length > 0) return false;
      wrong = await this.#psDifferences();
      return wrong.length === 0;
    };
    try {
      await waitFor('the cluster to recover', hasRecovered, {
        timeoutMs: settleMs,
        intervalMs: 500,
      });
    } catch (error) {
      throw new Error(`${messageOf(error)}; ${wrong.join(', ')}`, { cause: error });
    }
  }

  /**
   * A difference unless a node's probe resolves the name to all replicas and each of them answers.
   */
  async #probeDifferences(node: string): Promise<readonly string[]> {
    const ask = `docker exec $(docker ps -q --filter label=com.docker.compose.service=probe) sh -c '
      for to in $(timeout 3 nslookup keep | sed -n "s/^Address[^:]*: *\\(10\\.[0-9.]*\\)$/\\1/p"); do
        ping -c 1 -W 1 $to >/dev/null && echo $to; done; true'`;
    const text = await this.#scene.machine(node).output(['sh', '-c', ask]);
    const reached = new Set(text.split('\n').filter((line) => line !== '')).size;
    return reached === this.#keep ? [] : [`${reached} of ${this.#keep} keep reached from ${node}`];
  }

  async #psDifferences(): Promise<readonly string[]> {
    const { cluster, folder } = this.#scene;
    const { stdout } = await cluster.try(['ps', '--format', 'json'], folder);
    const running = stdout.split('\n').filter((line) => line.includes('"State":"running"')).length;
    return running === this.#keep ? [] : [`ps says ${running} of ${this.#keep} run`];
  }

  /** The outages seen by probes on machines that were not hit. */
  async #probeOutages(
    { affected: hurt }: FaultEffect,
    from: number,
    to: number,
  ): Promise<{ readonly names: Outage | undefined; readonly packets: Outage | undefined }> {
    const witnesses = nodes.filter((name) => !hurt.includes(name));
    if (witnesses.length === 0) return { names: undefined, packets: undefined };
    const logs = await Promise.all(witnesses.map((name) => readProbe(this.#scene.machine(name))));
    return {
      names: worstOutage(logs.map(({ names }) => outageIn(names, from, to))),
      packets: worstOutage(logs.map(({ packets }) => outageIn(packets, from, to))),
    };
  }
}
