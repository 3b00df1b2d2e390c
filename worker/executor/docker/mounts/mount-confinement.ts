import { untilAborted, withDeadline } from '../../../../manager/common/base/cancellation.js';
import { systemClock } from '../../../../manager/common/base/clock.js';
import { AppError } from '../../../../manager/common/base/errors.js';
import { Semaphore } from '../../../../manager/common/base/semaphore.js';
import type { JsonObject, Labels } from '../../../../manager/common/model/meta.js';
import type { MountSpec } from '../../../../manager/common/model/container.js';
import type { EngineClient } from '../client.js';
import type { MountingContainer, MountRequest } from './confined-binds.js';
import { checkConfinement, confinedSources } from './confined-binds.js';
import {
  confinedLabel,
  hostMountsOf,
  listMountingContainers,
  listVolumeDevices,
} from './host-mounts.js';

/** Deadline for reading the folders of all mounts, ms. */
const checkMs = 15_000;

export interface ConfinedCreation {
  readonly confinedTo: readonly string[];
  readonly mounts: readonly MountSpec[];
  /** Entries for `HostConfig.Mounts`. */
  readonly inherited: readonly JsonObject[];
  /** Whether a volume of the container may bind a folder of the machine. */
  readonly hasVolumeOptions: boolean;
  readonly labels: Labels;
}

/** Checks the bind mounts of new containers against those of the machine's other containers. */
export class MountConfinement {
  readonly #client: EngineClient;
  /** Two containers that are created at once would not see each other. */
  readonly #oneAtATime = new Semaphore(1);

  constructor(client: EngineClient) {
    this.#client = client;
  }

  /** Runs `create` with the container's labels. Throws `forbidden`, see `checkConfinement`. */
  async run<Result>(
    { confinedTo, mounts, inherited, hasVolumeOptions, labels }: ConfinedCreation,
    create: (labels: Labels) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    const { [confinedLabel]: _given, ...plain } = labels;
    const hasBinds =
      hasVolumeOptions ||
      mounts.some(({ type }) => type === 'bind') ||
      inherited.some(({ Type }) => Type === 'bind');
    if (!hasBinds && confinedTo.length === 0) return await create(plain);
    return await this.#oneAtATime.run(async () => {
      const devices = await listVolumeDevices(this.#client, signal);
      const request = { mounts: hostMountsOf(mounts, inherited, devices), confinedTo };
      const others = await listMountingContainers(this.#client, devices, signal);
      await this.#check(request, others, signal);
      const sources = confinedSources(request);
      const own = sources.length === 0 ? {} : { [confinedLabel]: JSON.stringify(sources) };
      return await create({ ...plain, ...own });
    }, signal);
  }

  /** Folders of a network that does not answer must not hold up other containers. */
  async #check(
    request: MountRequest,
    others: readonly MountingContainer[],
    signal: AbortSignal,
  ): Promise<void> {
    const late = (): AppError =>
      new AppError(
        'timeout',
        'bind mount: a folder of the machine does not answer; check its network mounts',
      );
    await withDeadline({ clock: systemClock, limitMs: checkMs, signal, late }, (either) =>
      untilAborted(checkConfinement(request, others), either),
    );
  }
}
