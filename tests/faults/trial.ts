import { setTimeout as pause } from 'node:timers/promises';
import { waitFor } from '../../fixtures/lab/wait.js';
import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import { seededRandom } from '../../manager/common/base/random.js';
import type { Fault } from './cases.js';
import type { Away } from './gaps.js';
import { awayIn, worstOf } from './gaps.js';
import type { Measured, Outcome } from './outcome.js';
import { keepReplicas } from './projects.js';
import type { Scene } from './scene.js';
import { nodes } from './scene.js';
import { differences, observe } from './state.js';
import type { Struck } from './strikes.js';
import { hostSeconds, readProbe } from './watch.js';
import { Writer } from './writer.js';

const settleMs = 180_000;
const scaledTo = 6;
/** How far into the user's work it strikes, at most. */
const latestMs = 2_500;

/** Tries one fault and holds the cluster against what was acknowledged. Leaves it whole for the next one. */
export async function tryFault(scene: Scene, fault: Fault, seed: number): Promise<Outcome> {
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

/** 32 bits of a text (FNV-1a), so that every case has moments of its own from one seed. */
function hash(text: string): number {
  let value = 0x811c9dc5;
  for (const byte of Buffer.from(text)) value = Math.imul(value ^ byte, 0x01000193) >>> 0;
  return value;
}

class Trial {
  readonly #scene: Scene;
  readonly #random: () => number;
  #writer: Writer | undefined;
  /** As last acknowledged. */
  #keep = 0;
  #lost: readonly string[] = [];

  constructor(scene: Scene, random: () => number) {
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
    // A fault that fails is told of first.
    work.catch(() => undefined);
    const momentMs = fault.during === undefined ? 0 : Math.round(this.#random() * latestMs);
    await pause(momentMs);
    const from = hostSeconds();
    const struck = await fault.strike(this.#scene, this.#random);
    const over = hostSeconds();
    await work;
    await writer.stop();
    await this.#settled();
    const to = hostSeconds();
    this.#lost = await writer.lost();
    const seen = await this.#seen(struck, from, to);
    const changes = awayIn(writer.asked, from, Math.max(over, writer.asked.at(-1)?.at ?? over));
    const acknowledged = writer.ledger.acknowledgements;
    return { where: struck.where, momentMs, rightS: to - over, ...seen, changes, acknowledged };
  }

  /** After a failure: everything on and connected, nobody at work. */
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
    if (during === 'up') await this.#insist(['down']);
    else await this.#insist(['up', '-d', '--wait', '--scale', `keep=${keepReplicas}`]);
    this.#keep = during === 'up' ? 0 : keepReplicas;
    await this.#settled();
  }

  async #work({ during }: Fault): Promise<void> {
    if (during === 'up') {
      await this.#insist(['up', '-d', '--scale', `keep=${keepReplicas}`]);
      this.#keep = keepReplicas;
    } else if (during === 'scale') {
      await this.#insist(['scale', `keep=${scaledTo}`]);
      this.#keep = scaledTo;
    } else if (during === 'update') await this.#insist(['up', '-d', '--force-recreate', 'keep']);
    else if (during === 'down') {
      await this.#insist(['down']);
      this.#keep = 0;
    }
  }

  /** As a user does: again until it is acknowledged. */
  async #insist(argv: readonly string[]): Promise<void> {
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

  /** The machines are as wanted, every probe reaches every replica by name, and the cluster says the same. */
  async #settled(): Promise<void> {
    let wrong: readonly string[] = [];
    const isRight = async (): Promise<boolean> => {
      const wanted = { keep: this.#keep, target: 3, tide: 1, probe: nodes.length };
      const machines = nodes.map((name) => this.#scene.machine(name));
      wrong = differences(wanted, await Promise.all(machines.map((machine) => observe(machine))));
      if (wrong.length > 0) return false;
      wrong = (await Promise.all(nodes.map((name) => this.#unreached(name)))).flat();
      if (wrong.length > 0) return false;
      wrong = await this.#saidWrong();
      return wrong.length === 0;
    };
    try {
      await waitFor('the cluster to be right', isRight, { timeoutMs: settleMs, intervalMs: 500 });
    } catch (error) {
      throw new Error(`${messageOf(error)}; ${wrong.join(', ')}`, { cause: error });
    }
  }

  /** Whether a probe finds as many replicas by name as there are, and all of them answer. */
  async #unreached(node: string): Promise<readonly string[]> {
    const ask = `docker exec $(docker ps -q --filter label=com.docker.compose.service=probe) sh -c '
      for to in $(timeout 3 nslookup keep | sed -n "s/^Address[^:]*: *\\(10\\.[0-9.]*\\)$/\\1/p"); do
        ping -c 1 -W 1 $to >/dev/null && echo $to; done; true'`;
    const text = await this.#scene.machine(node).output(['sh', '-c', ask]);
    const reached = new Set(text.split('\n').filter((line) => line !== '')).size;
    return reached === this.#keep ? [] : [`${reached} of ${this.#keep} keep reached from ${node}`];
  }

  async #saidWrong(): Promise<readonly string[]> {
    const { cluster, folder } = this.#scene;
    const { stdout } = await cluster.try(['ps', '--format', 'json'], folder);
    const told = stdout.split('\n').filter((line) => line.includes('"State":"running"')).length;
    return told === this.#keep ? [] : [`ps says ${told} of ${this.#keep} run`];
  }

  /** What the probes saw that were not struck themselves. */
  async #seen(
    { hurt }: Struck,
    from: number,
    to: number,
  ): Promise<{ readonly names: Away | undefined; readonly packets: Away | undefined }> {
    const witnesses = nodes.filter((name) => !hurt.includes(name));
    if (witnesses.length === 0) return { names: undefined, packets: undefined };
    const logs = await Promise.all(witnesses.map((name) => readProbe(this.#scene.machine(name))));
    return {
      names: worstOf(logs.map(({ names }) => awayIn(names, from, to))),
      packets: worstOf(logs.map(({ packets }) => awayIn(packets, from, to))),
    };
  }
}
