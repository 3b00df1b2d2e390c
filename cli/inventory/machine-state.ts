import { isAppError, messageOf } from '../../manager/common/base/errors.js';
import type { ClientCredentials, EngineVersion } from './engine-client.js';
import { connectionErrorText, fetchEngineVersion, probeTcp } from './engine-client.js';
import type { MachineState } from './machine-list.js';
import type { MachineRecord } from './machine-record.js';
import { engineUrl, hasEnginePort } from './machine-record.js';

function endpoint(url: string): { readonly host: string; readonly port: number } {
  const parsed = new URL(url);
  return { host: parsed.hostname.replaceAll(/^\[|\]$/gu, ''), port: Number(parsed.port || '2376') };
}

const expiryWarningMs = 30 * 86_400_000;

function expiryWarning({ Name }: MachineRecord, { certificateEndsMs }: EngineVersion): string {
  if (certificateEndsMs === undefined || certificateEndsMs - Date.now() > expiryWarningMs)
    return '';
  const day = new Date(certificateEndsMs).toISOString().slice(0, 10);
  return `engine certificate expires on ${day}; renew it with "shoal machine provision ${Name}"`;
}

/** Reads or renews the certificate for a machine's engine. */
type Credentials = () => Promise<ClientCredentials>;

async function askEngine(
  record: MachineRecord,
  credentials: Credentials | undefined,
  timeoutMs: number,
): Promise<Pick<MachineState, 'engineVersion' | 'error'>> {
  try {
    if (credentials === undefined || !hasEnginePort(record))
      return { engineVersion: undefined, error: '' };
    const answer = await fetchEngineVersion(
      endpoint(engineUrl(record)),
      await credentials(),
      timeoutMs,
    );
    return { engineVersion: answer.version, error: expiryWarning(record, answer) };
  } catch (error) {
    const problem = isAppError(error) ? messageOf(error) : connectionErrorText(error);
    return { engineVersion: undefined, error: `Unable to query docker version: ${problem}` };
  }
}

/**
 * Probes whether a machine runs (its ssh port accepts connections; driver `none` counts as running)
 * and queries its engine's version, unless `credentials` is undefined or the engine has no port.
 * Never throws.
 */
export async function probeMachineState(
  record: MachineRecord,
  credentials: Credentials | undefined,
  timeoutMs: number,
): Promise<MachineState> {
  const startedMs = Date.now();
  const { IPAddress: host, SSHPort: port } = record.Driver;
  const [reach, engine] = await Promise.all([
    record.DriverName === 'none' ? 'open' : probeTcp({ host, port }, timeoutMs),
    askEngine(record, credentials, timeoutMs),
  ]);
  const responseMs = Date.now() - startedMs;
  if (reach === 'closed') {
    return { state: 'Stopped', engineVersion: undefined, error: '', responseMs };
  }
  if (reach === 'timeout') {
    return { state: 'Timeout', engineVersion: undefined, error: '', responseMs };
  }
  return { state: 'Running', ...engine, responseMs };
}
