import { AppError } from '../../../manager/common/base/errors.js';
import {
  machineListHeader,
  parseMachineFilters,
  matchesMachineFilters,
  matchesStateFilter,
  swarmUrl,
  toMachineRow,
} from '../../inventory/machine-list.js';
import { probeMachineState } from '../../inventory/machine-state.js';
import { enginePortClosedError, engineUrl, hasEnginePort } from '../../inventory/machine-record.js';
import { formatList } from '../../output/format.js';
import { compileTemplate } from '../../output/template/template.js';
import type { MachineGlobals } from '../../inventory/machine-globals.js';
import { engineCredentials } from '../../certificates/engine-credentials.js';
import { defaultMachine, openMachineStore } from '../../inventory/open-store.js';

export interface ListOptions extends MachineGlobals {
  readonly quiet: boolean;
  readonly filter: readonly string[];
  readonly timeout: number;
  readonly format?: string;
}

/** `machine ls`: queries all machines in parallel. */
export async function list(options: ListOptions): Promise<void> {
  const filters = parseMachineFilters(options.filter);
  const store = openMachineStore(options);
  const all = await store.list();
  const records = all.filter((record) => matchesMachineFilters(filters, record, all));
  if (options.quiet && filters.state.length === 0) {
    process.stdout.write(records.map((record) => `${record.Name}\n`).join(''));
    return;
  }
  const seen = await Promise.all(
    records.map(async (record) => ({
      record,
      state: await probeMachineState(
        record,
        () => engineCredentials(store, record, new Date()),
        options.timeout * 1000,
      ),
    })),
  );
  const found = seen.filter(({ state }) => matchesStateFilter(filters, state));
  if (options.quiet) {
    process.stdout.write(found.map(({ record }) => `${record.Name}\n`).join(''));
    return;
  }
  const host = process.env.DOCKER_HOST ?? '';
  const rows = found.map(({ record, state }) => toMachineRow(record, state, all, host));
  process.stdout.write(formatList(options.format, machineListHeader, rows));
}

/** `machine inspect`: prints the record, which holds no secrets. */
export async function inspect(
  name: string | undefined,
  options: MachineGlobals & { readonly format?: string },
): Promise<void> {
  const record = await openMachineStore(options).load(name ?? defaultMachine);
  const { format } = options;
  const text =
    format === undefined || format === ''
      ? JSON.stringify(record, undefined, 4)
      : compileTemplate(format)(record);
  process.stdout.write(`${text}\n`);
}

/** `machine ip`, `url` and `status`: one line per machine, in the order given. */
export async function print(
  what: 'ip' | 'url' | 'status',
  names: readonly string[],
  options: MachineGlobals,
): Promise<void> {
  const store = openMachineStore(options);
  const wanted = names.length === 0 ? [defaultMachine] : names;
  const records = await Promise.all(wanted.map(async (name) => store.load(name)));
  const lines = await Promise.all(
    records.map(async (record) => {
      if (what === 'ip') return record.Driver.IPAddress;
      if (what === 'url') {
        if (!hasEnginePort(record)) throw enginePortClosedError(record);
        return engineUrl(record);
      }
      return (await probeMachineState(record, undefined, 10_000)).state;
    }),
  );
  process.stdout.write(`${lines.join('\n')}\n`);
}

export async function active(options: MachineGlobals): Promise<void> {
  const host = process.env.DOCKER_HOST ?? '';
  const records = await openMachineStore(options).list();
  const found = records.find(
    (record) =>
      host !== '' &&
      (engineUrl(record) === host ||
        (record.HostOptions.SwarmOptions.Master && swarmUrl(record) === host)),
  );
  if (found === undefined)
    throw new AppError(
      'not-found',
      'no active host found; point DOCKER_HOST at a machine with "shoal machine env"',
    );
  process.stdout.write(`${found.Name}\n`);
}
