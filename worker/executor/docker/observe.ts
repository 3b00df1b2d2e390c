import {
  array,
  dictionary,
  integer,
  nonEmptyString,
  nullable,
  object,
  optionalOrNull,
  string,
} from '../../../manager/common/base/decode.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { PublishedPort } from '../../../manager/common/model/task.js';
import { anonymousTargets, volumeMount, type VolumeMount } from './mounts/anonymous-volumes.js';
import type { EngineContainerState, ObservedContainer } from '../executor.js';
import { borrowedLabel, taskLabel } from '../../../manager/common/model/container-labels.js';

/** The fields of `GET /containers/{id}/json` that are used here. */
export interface InspectedContainer {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  /** Process 1 and its arguments. */
  readonly Path?: string;
  readonly Args?: readonly string[];
  readonly RestartCount: number;
  readonly State: {
    readonly Status: string;
    readonly ExitCode: number;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
    readonly Health?: { readonly Status: string } | null | undefined;
  };
  readonly Config: { readonly Labels?: Readonly<Record<string, string>> | null };
  readonly Mounts?: readonly VolumeMount[] | null;
  readonly NetworkSettings: {
    readonly Ports?: Readonly<Record<string, readonly EnginePort[] | null>> | null;
    readonly Networks?: Readonly<Record<string, EngineEndpoint | null>> | null;
  };
}

interface EnginePort {
  readonly HostIp: string;
  readonly HostPort: string;
}

interface EngineEndpoint {
  readonly IPAMConfig?: { readonly IPv4Address?: string } | null;
}

const endpoint = object<EngineEndpoint>({
  IPAMConfig: optionalOrNull(
    object<{ readonly IPv4Address?: string }>({ IPv4Address: optionalOrNull(string) }),
  ),
});

export const inspectedContainer = object<InspectedContainer>({
  Id: nonEmptyString,
  Name: string,
  Image: string,
  Path: optionalOrNull(string),
  Args: optionalOrNull(array(string)),
  RestartCount: integer,
  State: object<InspectedContainer['State']>({
    Status: string,
    ExitCode: integer,
    Error: string,
    StartedAt: string,
    FinishedAt: string,
    Health: optionalOrNull(object<{ readonly Status: string }>({ Status: string })),
  }),
  Config: object<InspectedContainer['Config']>({ Labels: optionalOrNull(dictionary(string)) }),
  Mounts: optionalOrNull(array(volumeMount)),
  NetworkSettings: object<InspectedContainer['NetworkSettings']>({
    Ports: optionalOrNull(
      dictionary(nullable(array(object<EnginePort>({ HostIp: string, HostPort: string })))),
    ),
    Networks: optionalOrNull(dictionary(nullable(endpoint))),
  }),
});

const states: readonly EngineContainerState[] = [
  'created',
  'running',
  'paused',
  'restarting',
  'exited',
  'dead',
  'removing',
];

/** Converts the engine's record of a container; undefined if it has no Shoal task label. */
export function toObservedContainer(inspected: InspectedContainer): ObservedContainer | undefined {
  const taskId = inspected.Config.Labels?.[taskLabel];
  if (taskId === undefined) return undefined;
  const { State: state } = inspected;
  const status = toState(state.Status);
  const runs = status === 'running' || status === 'paused';
  const ended = status === 'exited' || status === 'restarting' || status === 'dead';
  const health = runs ? toHealth(state.Health?.Status) : undefined;
  return {
    id: inspected.Id,
    name: inspected.Name.replace(/^\//u, ''),
    taskId: taskId as TaskId,
    state: status,
    ...(ended ? { exitCode: state.ExitCode } : {}),
    ...(state.Error === '' ? {} : { error: state.Error }),
    ...timesOf(state, runs),
    ...(health === undefined ? {} : { health }),
    restarts: inspected.RestartCount,
    ports: toPorts(inspected.NetworkSettings.Ports ?? {}),
    imageId: inspected.Image,
    ...commandOf(inspected),
    ...borrowedOf(inspected.Config.Labels),
    ...anonymousIn(inspected.Mounts ?? []),
    addresses: toAddresses(inspected.NetworkSettings.Networks ?? {}),
  };
}

function timesOf(
  { StartedAt, FinishedAt }: InspectedContainer['State'],
  runs: boolean,
): Pick<ObservedContainer, 'startedAt' | 'lastStartedAt' | 'finishedAt'> {
  const at = hasTime(StartedAt) ? Date.parse(StartedAt) : Number.NaN;
  return {
    ...(Number.isNaN(at) ? {} : runs ? { startedAt: at } : { lastStartedAt: at }),
    ...(hasTime(FinishedAt) ? { finishedAt: FinishedAt } : {}),
  };
}

function borrowedOf(
  labels: InspectedContainer['Config']['Labels'],
): Pick<ObservedContainer, 'inheritedVolumes'> {
  const names = labels?.[borrowedLabel];
  return names === undefined ? {} : { inheritedVolumes: names.split(',') };
}

function anonymousIn(mounts: readonly VolumeMount[]): Pick<ObservedContainer, 'anonymousVolumes'> {
  const targets = anonymousTargets(mounts);
  return targets.length === 0 ? {} : { anonymousVolumes: targets };
}

function commandOf({ Path, Args }: InspectedContainer): Pick<ObservedContainer, 'command'> {
  return Path === undefined ? {} : { command: [Path, ...(Args ?? [])] };
}

function toState(status: string): EngineContainerState {
  return states.find((state) => state === status) ?? 'dead';
}

/** The engine reports year 1 for "never". */
function hasTime(stamp: string): boolean {
  return stamp !== '' && !stamp.startsWith('0001-');
}

export function toHealth(status: string | undefined): ObservedContainer['health'] {
  return status === 'starting' || status === 'healthy' || status === 'unhealthy'
    ? status
    : undefined;
}

const protocols = ['tcp', 'udp', 'sctp'] as const;

/** IPv4 bindings only: with IPv6 on, the engine lists each port once more for `::`. */
function toPorts(
  ports: NonNullable<InspectedContainer['NetworkSettings']['Ports']>,
): PublishedPort[] {
  return Object.entries(ports).flatMap(([key, bindings]) => {
    const [target, name = 'tcp'] = key.split('/');
    const protocol = protocols.find((each) => each === name);
    if (protocol === undefined) return [];
    return (bindings ?? [])
      .filter((binding) => !binding.HostIp.includes(':'))
      .map((binding) => ({
        target: Number(target),
        protocol,
        hostIp: binding.HostIp,
        published: Number(binding.HostPort),
      }))
      .filter((port) => Number.isInteger(port.target) && Number.isInteger(port.published));
  });
}

function toAddresses(
  networks: Readonly<Record<string, EngineEndpoint | null>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(networks).flatMap(([name, endpoint]) => {
      const address = endpoint?.IPAMConfig?.IPv4Address;
      return address === undefined || address === '' ? [] : [[name, address]];
    }),
  );
}
