import { AppError } from '../../../manager/common/base/errors.js';
import type { ClientCredentials } from '../../inventory/engine-client.js';
import {
  connectionErrorText,
  fetchEngineVersion,
  checkManagerTls,
} from '../../inventory/engine-client.js';
import { managerPort } from '../../inventory/remote-paths.js';
import { engineCredentials } from '../../certificates/engine-credentials.js';
import { swarmUrl } from '../../inventory/machine-list.js';
import type { MachineStore } from '../../inventory/machine-store.js';
import type { MachineRecord } from '../../inventory/machine-record.js';
import { engineUrl } from '../../inventory/machine-record.js';
import type { EnvVariable } from '../../inventory/shell-env.js';
import { pickShell, renderEnvironment, withNoProxy } from '../../inventory/shell-env.js';
import type { MachineGlobals } from '../../inventory/machine-globals.js';
import { defaultMachine, openMachineStore, readCredentials } from '../../inventory/open-store.js';

export interface EnvOptions extends MachineGlobals {
  readonly swarm: boolean;
  readonly shell?: string;
  readonly unset: boolean;
  /** False with --no-proxy. */
  readonly proxy: boolean;
}

const variableNames = [
  'DOCKER_TLS_VERIFY',
  'DOCKER_HOST',
  'DOCKER_CERT_PATH',
  'DOCKER_MACHINE_NAME',
] as const;

const timeoutMs = 10_000;

interface Endpoint {
  readonly record: MachineRecord;
  readonly url: string;
  /** Folder of the certificates that the endpoint accepts. */
  readonly folder: string;
}

/**
 * Address of the machine's engine, or of its cluster with `swarm`, after a TLS connection check.
 * Skips the check for driver none.
 */
async function checkedEndpoint(
  store: MachineStore,
  name: string,
  swarm: boolean,
): Promise<Endpoint> {
  const record = await store.load(name);
  if (swarm && !record.HostOptions.SwarmOptions.Master) {
    throw new AppError(
      'invalid',
      `"${name}" is not a swarm master. The --swarm flag is intended for use with swarm masters`,
    );
  }
  if (record.DriverName === 'none') {
    return { record, url: engineUrl(record), folder: store.machineFolder(name) };
  }
  if (swarm) {
    await checkSwarm(record, await readCredentials(store));
    return { record, url: swarmUrl(record), folder: store.certsFolder };
  }
  const engine = await engineCredentials(store, record, new Date());
  await checkEngine(record, engine);
  return { record, url: engineUrl(record), folder: engine.folder };
}

async function checkEngine(record: MachineRecord, credentials: ClientCredentials): Promise<void> {
  const { IPAddress: host, EnginePort: port } = record.Driver;
  try {
    await fetchEngineVersion({ host, port }, credentials, timeoutMs);
  } catch (error) {
    const problem = connectionErrorText(error);
    const certificate = /certificate|CERT|self.signed|tls/iu.test(problem);
    const advice = certificate
      ? `renew the certificates with "shoal machine regenerate-certs ${record.Name}"`
      : `check that the machine is running with "shoal machine status ${record.Name}"`;
    throw new AppError(
      'unavailable',
      `error checking the TLS connection to ${host}:${String(port)} of "${record.Name}": ${problem}; ${advice}`,
      { cause: error },
    );
  }
}

async function checkSwarm(
  record: MachineRecord,
  credentials: ClientCredentials | undefined,
): Promise<void> {
  try {
    if (credentials === undefined) throw new Error('no certificates');
    const endpoint = { host: record.Driver.IPAddress, port: managerPort };
    await checkManagerTls(endpoint, credentials, timeoutMs);
  } catch (error) {
    throw new AppError(
      'unavailable',
      'Connection to Swarm cannot be checked but the certs are valid. Maybe swarm is not started',
      { cause: error },
    );
  }
}

function commandLine(name: string | undefined, options: EnvOptions): string {
  const swarm = options.swarm ? ' --swarm' : '';
  const unset = options.unset ? ' -u' : '';
  return `shoal machine env${swarm}${unset}${name === undefined ? '' : ` ${name}`}`;
}

export async function env(name: string | undefined, options: EnvOptions): Promise<void> {
  const shell = pickShell(options.shell, process.env.SHELL);
  const command = commandLine(name, options);
  if (options.unset) {
    if (name !== undefined) {
      throw new AppError('invalid', 'expected no machine name when the -u flag is present');
    }
    const unset = variableNames.map((variable): EnvVariable => ({
      name: variable,
      value: undefined,
    }));
    process.stdout.write(renderEnvironment(shell, unset, command));
    return;
  }
  const store = openMachineStore(options);
  const machine = name ?? defaultMachine;
  const { record, url, folder } = await checkedEndpoint(store, machine, options.swarm);
  const variables: EnvVariable[] = [
    { name: 'DOCKER_TLS_VERIFY', value: '1' },
    { name: 'DOCKER_HOST', value: url },
    { name: 'DOCKER_CERT_PATH', value: folder },
    { name: 'DOCKER_MACHINE_NAME', value: machine },
  ];
  if (!options.proxy) {
    const key = process.env.no_proxy !== undefined ? 'no_proxy' : 'NO_PROXY';
    const value = withNoProxy(process.env[key], record.Driver.IPAddress);
    variables.push({ name: key, value });
  }
  process.stdout.write(renderEnvironment(shell, variables, command));
}

export async function machineConfig(
  name: string | undefined,
  options: MachineGlobals & { readonly swarm: boolean },
): Promise<void> {
  const store = openMachineStore(options);
  const machine = name ?? defaultMachine;
  const { url, folder } = await checkedEndpoint(store, machine, options.swarm);
  const lines = [
    '--tlsverify',
    `--tlscacert="${folder}/ca.pem"`,
    `--tlscert="${folder}/cert.pem"`,
    `--tlskey="${folder}/key.pem"`,
    `-H=${url}`,
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
