import { deployCluster } from '../../access/required-right.js';
import { isFields } from '../../common/base/decode.js';
import { AppError, isConflict, messageOf } from '../../common/base/errors.js';
import type { ServiceId } from '../../common/model/ids.js';
import type { Explanation, Task } from '../../common/model/task.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { ApiRequest, GatewayContext, Route, RouteHandler } from '../context.js';
import { decodeCreateBody } from '../create/create-body.js';
import { randomName } from '../create/random-name.js';
import type { CreatePlan, ContainerRequest } from '../create/to-service.js';
import { toService } from '../create/to-service.js';
import { jsonResponse } from '../response.js';
import { findImageRecord, requireReference } from '../images/find-holder.js';
import { failureOf } from '../task-failure.js';
import { newestTask } from '../find-container.js';
import { waitForState } from '../wait-for-state.js';

/** Deadline of a create, which may fetch the image from another node. */
const createMs = 300_000;
/** Deadline of the store to take back a failed create. */
const discardMs = 10_000;
const nameAttempts = 5;
const namePattern = /^\/?[a-zA-Z0-9][a-zA-Z0-9_.-]+$/u;

export function requireContainerName(name: string): string {
  if (namePattern.test(name)) return name.replace(/^\//u, '');
  throw new AppError(
    'invalid',
    `Invalid container name (${name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed`,
  );
}

/**
 * Creates a container: stores its service and returns once a node has created the container, whose
 * id is the engine's.
 */
const create: RouteHandler = async (context, request) => {
  const { query } = request;
  const body = decodeCreateBody(await request.body());
  const wanted = query.get('name') ?? '';
  const platform = query.get('platform') ?? '';
  const base = { body, ...(platform === '' ? {} : { platform }) };
  const name = wanted === '' ? undefined : requireContainerName(wanted);
  // Bad options are refused before a missing image, which clients would pull first.
  toService({ ...base, name: name ?? 'unnamed' }, context.store.view);
  const image = body.Image ?? '';
  requireReference(image);
  const record = await findImageRecord(context, image, request.signal);
  const anonymous = { imageVolumes: volumesOfImage(record), seed: context.newId() };
  const id = await store(context, request, { ...base, anonymous }, name);
  try {
    return jsonResponse({ Id: await whenCreated(context, request, id), Warnings: [] }, 201);
  } catch (error) {
    await discard(context, request, id);
    throw error;
  }
};

/** Paths of the image's `VOLUME` instructions, from the engine's record. */
function volumesOfImage(record: unknown): readonly string[] {
  const config = isFields(record) ? record.Config : undefined;
  const volumes = isFields(config) ? config.Volumes : undefined;
  return isFields(volumes) ? Object.keys(volumes) : [];
}

async function store(
  context: GatewayContext,
  request: ApiRequest,
  base: Omit<ContainerRequest, 'name'>,
  name: string | undefined,
): Promise<ServiceId> {
  const seed = context.newId();
  for (let attempt = 0; ; attempt += 1) {
    const plan = toService(
      { ...base, name: name ?? randomName(seed, attempt) },
      context.store.view,
    );
    try {
      return await storePlan(context, request, plan);
    } catch (error) {
      if (name !== undefined || !isConflict(error) || attempt >= nameAttempts) throw error;
    }
  }
}

async function storePlan(
  { control }: GatewayContext,
  request: ApiRequest,
  plan: CreatePlan,
): Promise<ServiceId> {
  return (await control('container.create', plan, request)) as ServiceId;
}

/** Waits until the container exists on a node; returns its id. */
async function whenCreated(
  context: GatewayContext,
  request: ApiRequest,
  id: ServiceId,
): Promise<string> {
  const outcome = (): string | AppError | undefined =>
    outcomeOf(newestTask(context.store.view, id));
  const isDone = (): boolean => outcome() !== undefined;
  const what = 'a node to create the container';
  await waitForState(context, request, { isDone, waitMs: createMs, what });
  const result = outcome();
  if (typeof result === 'string') return result;
  throw result ?? new AppError('cancelled', 'create: the client has left');
}

function outcomeOf(task: Task | undefined): string | AppError | undefined {
  if (task === undefined) return undefined;
  const { status, explanation } = task;
  if (status.containerId !== undefined) return status.containerId;
  if (isTerminal(status.state)) return failureOf(status);
  if (status.state === 'pending' && explanation?.placed === false) {
    return new AppError('unavailable', refusalText(explanation));
  }
  return undefined;
}

/** Why no node takes a container; a reason with its nodes stands for the summary that it repeats. */
export function refusalText({
  summary,
  reasons,
}: Pick<Explanation, 'summary' | 'reasons'>): string {
  const isRepeated = reasons.some((reason) => reason.startsWith(summary));
  return (isRepeated ? reasons : [summary, ...reasons]).join('; ');
}

/** Removes what a failed create has left; the client gets the create's error. */
async function discard(
  { control, log }: GatewayContext,
  request: ApiRequest,
  serviceId: ServiceId,
): Promise<void> {
  try {
    // The client may have left, which must not keep its container.
    const signal = AbortSignal.timeout(discardMs);
    await control('container.discard', { serviceId }, { ...request, signal });
  } catch (error) {
    log.warn(`create: service ${serviceId} is left: ${messageOf(error)}`);
  }
}

export const createRoutes: readonly Route[] = [
  { method: 'POST', pattern: /^\/containers\/create$/u, right: deployCluster, handler: create },
];
