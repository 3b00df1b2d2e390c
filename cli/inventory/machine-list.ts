import { AppError } from '../../manager/common/base/errors.js';
import type { Pattern } from '../../manager/common/base/pattern.js';
import { compilePattern } from '../../manager/common/base/pattern.js';
import { managerPort } from './remote-paths.js';
import type { MachineRecord } from './machine-record.js';
import { bracketIpv6, engineUrl, hasEnginePort } from './machine-record.js';

/** The probed state of a machine. */
export interface MachineState {
  readonly state: 'Running' | 'Stopped' | 'Timeout' | 'Error';
  /** Without `v`; undefined if the engine did not respond. */
  readonly engineVersion: string | undefined;
  readonly error: string;
  readonly responseMs: number;
}

export interface MachineRow {
  readonly cells: readonly string[];
  readonly record: Readonly<Record<string, unknown>>;
}

export const machineListHeader = [
  'NAME',
  'ACTIVE',
  'DRIVER',
  'STATE',
  'URL',
  'SWARM',
  'DOCKER',
  'ERRORS',
] as const;

export interface MachineFilters {
  readonly swarm: readonly string[];
  readonly driver: readonly string[];
  readonly state: readonly string[];
  readonly name: readonly Pattern[];
  readonly label: readonly string[];
}

/** Parses `key=value` filters; throws `invalid` for an unknown key or a bad regular expression. */
export function parseMachineFilters(entries: readonly string[]): MachineFilters {
  const values: Record<string, string[]> = {
    swarm: [],
    driver: [],
    state: [],
    name: [],
    label: [],
  };
  for (const entry of entries) {
    const at = entry.indexOf('=');
    const key = entry.slice(0, at).toLowerCase();
    const list = at === -1 ? undefined : values[key];
    if (list === undefined) {
      throw new AppError(
        'invalid',
        `filter "${entry}": expected swarm=, driver=, state=, name= or label= with a value`,
      );
    }
    list.push(entry.slice(at + 1));
  }
  const { swarm = [], driver = [], state = [], name = [], label = [] } = values;
  return { swarm, driver, state, label, name: name.map(toPattern) };
}

function toPattern(text: string): Pattern {
  try {
    return compilePattern(text);
  } catch (error) {
    throw new AppError('invalid', `filter name=${text} is not a valid regular expression`, {
      cause: error,
    });
  }
}

function anyOf<T>(wanted: readonly T[], matches: (value: T) => boolean): boolean {
  return wanted.length === 0 || wanted.some(matches);
}

/** The name of a manager machine of the machine's cluster; empty without one. */
export function masterOf(record: MachineRecord, all: readonly MachineRecord[]): string {
  const { IsSwarm, Cluster } = record.HostOptions.SwarmOptions;
  if (!IsSwarm) return '';
  const master = all.find(
    ({ HostOptions: { SwarmOptions: swarm } }) => swarm.Master && swarm.Cluster === Cluster,
  );
  return master?.Name ?? '';
}

/** True if a machine matches all filters except `state`, which needs a probe. */
export function matchesMachineFilters(
  filters: MachineFilters,
  record: MachineRecord,
  all: readonly MachineRecord[],
): boolean {
  const master = masterOf(record, all);
  const { Labels: labels } = record.HostOptions.EngineOptions;
  return (
    anyOf(filters.swarm, (name) => name === master) &&
    anyOf(filters.driver, (driver) => driver === record.DriverName) &&
    anyOf(filters.name, (pattern) => pattern.test(record.Name)) &&
    anyOf(filters.label, (label) => labels.includes(label))
  );
}

export function matchesStateFilter(filters: MachineFilters, state: MachineState): boolean {
  return anyOf(filters.state, (wanted) => wanted.toLowerCase() === state.state.toLowerCase());
}

/** `tcp://ADDRESS:7070`, the cluster's Docker API on a manager machine. */
export function swarmUrl(record: MachineRecord): string {
  return `tcp://${bracketIpv6(record.Driver.IPAddress)}:${String(managerPort)}`;
}

function activeMark(record: MachineRecord, dockerHost: string): string {
  if (dockerHost === '') return '-';
  if (dockerHost === engineUrl(record)) return '*';
  const { Master } = record.HostOptions.SwarmOptions;
  return Master && dockerHost === swarmUrl(record) ? '* (swarm)' : '-';
}

/** A row of `machine ls`: the table's cells, and the object for --format. */
export function toMachineRow(
  record: MachineRecord,
  state: MachineState,
  all: readonly MachineRecord[],
  dockerHost: string,
): MachineRow {
  const active = activeMark(record, dockerHost);
  const url = state.state === 'Running' && hasEnginePort(record) ? engineUrl(record) : '';
  const master = masterOf(record, all);
  const isMaster = record.HostOptions.SwarmOptions.Master;
  const swarm = isMaster ? `${record.Name} (master)` : master;
  const version = state.engineVersion === undefined ? 'Unknown' : `v${state.engineVersion}`;
  return {
    cells: [record.Name, active, record.DriverName, state.state, url, swarm, version, state.error],
    record: {
      Name: record.Name,
      Active: active,
      ActiveHost: active === '*',
      ActiveSwarm: active === '* (swarm)',
      DriverName: record.DriverName,
      State: state.state,
      URL: url,
      SwarmOptions: record.HostOptions.SwarmOptions,
      Swarm: swarm,
      EngineOptions: record.HostOptions.EngineOptions,
      Error: state.error,
      DockerVersion: version,
      ResponseTime: `${String(state.responseMs)}ms`,
    },
  };
}
