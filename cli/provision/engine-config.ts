import { AppError } from '../../manager/common/base/errors.js';
import type { EngineOptions } from '../inventory/record.js';

/*
 * TLS for an engine that is already configured somehow. The drop-in repeats the command the unit has
 * (from every file but ours) and adds to it; dockerd refuses to start when a flag is also a key of
 * daemon.json, so that is found out before, not by a dead engine. live-restore goes to daemon.json
 * because only there it can be switched on (by reload) before the first restart: that way containers
 * that run outlive it.
 */

export const dropInPath = '/etc/systemd/system/docker.service.d/10-shoal.conf';
export const daemonJsonPath = '/etc/docker/daemon.json';

export interface EngineFacts {
  readonly machine: string;
  readonly unit: string;
  readonly daemonJson: string | undefined;
  readonly swarm: boolean;
}

export interface EngineConfig {
  readonly dropIn: string;
  /** New text; undefined leaves the file alone. */
  readonly daemonJson: string | undefined;
}

/** The command of the unit as its files give it, without our drop-in. */
export function unitCommand(unit: string): string | undefined {
  let commands: string[] = [];
  let ours = false;
  for (const line of unit.replaceAll(/\s*\\\n\s*/gu, ' ').split('\n')) {
    const file = /^# (\/\S+)$/u.exec(line)?.[1];
    if (file !== undefined) ours = file === dropInPath;
    const command = /^\s*ExecStart=(.*)$/u.exec(line)?.[1]?.trim();
    if (command === undefined || ours) continue;
    commands = command === '' ? [] : [...commands, command];
  }
  return commands.at(-1);
}

const tcpHost = /\s(?:-H|--host)[ =]\s*"?tcp:\/\/\S+/gu;
const tlsFlag = /\s--tls(?:verify|cacert|cert|key)?(?:[ =]\s*(?!-)\S+)?(?=\s|$)/gu;

/** The command without network listeners and TLS files, which we set ourselves. */
function withoutListeners(command: string): string {
  const bare = command
    .replaceAll(/\s--tlsverify(?:=\S+)?(?=\s|$)/gu, '')
    .replaceAll(tcpHost, '')
    .replaceAll(tlsFlag, '');
  const listens = /\s(?:-H|--host)[ =]/u.test(bare);
  return listens ? bare : `${bare} -H unix:///var/run/docker.sock`;
}

/** One argument of a systemd command line: systemd.service(5) expands `%` and `$` and unquotes. */
export function quoteUnitArgument(argument: string): string {
  const escaped = argument
    .replaceAll('\\', '\\\\')
    .replaceAll('"', String.raw`\"`)
    .replaceAll('%', '%%')
    .replaceAll('$', '$$$$');
  return /^[A-Za-z0-9_@+:,./=-]+$/u.test(argument) ? argument : `"${escaped}"`;
}

interface Flag {
  readonly argument: string;
  /** The key of daemon.json that means the same. */
  readonly key: string;
}

function flags(port: number, options: EngineOptions): readonly Flag[] {
  const flag = (key: string, argument: string): Flag => ({ key, argument });
  return [
    flag('hosts', `--host=tcp://0.0.0.0:${String(port)}`),
    flag('tlsverify', '--tlsverify'),
    flag('tlscacert', '--tlscacert=/etc/shoal/engine/ca.pem'),
    flag('tlscert', '--tlscert=/etc/shoal/engine/server.pem'),
    flag('tlskey', '--tlskey=/etc/shoal/engine/server-key.pem'),
    flag('labels', '--label=provider=generic'),
    ...options.Labels.map((label) => flag('labels', `--label=${label}`)),
    ...options.InsecureRegistry.map((registry) =>
      flag('insecure-registries', `--insecure-registry=${registry}`),
    ),
    ...options.RegistryMirror.map((mirror) =>
      flag('registry-mirrors', `--registry-mirror=${mirror}`),
    ),
    ...(options.StorageDriver === ''
      ? []
      : [flag('storage-driver', `--storage-driver=${options.StorageDriver}`)]),
    ...options.ArbitraryFlags.map((option) => flag(option.split('=')[0] ?? '', `--${option}`)),
  ];
}

function parseDaemonJson(facts: EngineFacts): Readonly<Record<string, unknown>> {
  if (facts.daemonJson === undefined) return {};
  try {
    const value: unknown = JSON.parse(facts.daemonJson);
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
      return value as Record<string, unknown>;
    }
  } catch (error) {
    throw new AppError('invalid', `${facts.machine}: ${daemonJsonPath} is no JSON: mend it first`, {
      cause: error,
    });
  }
  throw new AppError('invalid', `${facts.machine}: ${daemonJsonPath} is no JSON object`);
}

/** The engine's drop-in and, where live-restore is not decided yet, its daemon.json. */
export function engineConfig(
  facts: EngineFacts,
  wanted: { readonly port: number; readonly options: EngineOptions },
): EngineConfig {
  const command = unitCommand(facts.unit);
  if (command === undefined) {
    throw new AppError(
      'unsupported',
      `${facts.machine}: docker.service has no command: is the engine installed as a systemd unit?`,
    );
  }
  const json = parseDaemonJson(facts);
  const keepsLabels = 'labels' in json && wanted.options.Labels.length === 0;
  const added = flags(wanted.port, wanted.options).filter(
    ({ key }) => !(keepsLabels && key === 'labels'),
  );
  const clash = added.find(({ key }) => key in json);
  if (clash !== undefined) {
    throw new AppError(
      'conflict',
      `${facts.machine}: ${daemonJsonPath} sets "${clash.key}", which shoal sets itself: remove it there`,
    );
  }
  const line = [
    withoutListeners(command),
    ...added.map((flag) => quoteUnitArgument(flag.argument)),
  ];
  const environment = wanted.options.Env.map(
    (entry) => `Environment=${quoteUnitArgument(entry)}\n`,
  );
  const dropIn = `# Written by shoal; "shoal machine provision" writes it again.
[Unit]
StartLimitIntervalSec=0

[Service]
ExecStart=
ExecStart=${line.join(' ')}
Restart=always
RestartSec=500ms
${environment.join('')}`;
  const decided = 'live-restore' in json || facts.swarm;
  return { dropIn, daemonJson: decided ? undefined : toText({ ...json, 'live-restore': true }) };
}

function toText(json: Readonly<Record<string, unknown>>): string {
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

/** daemon.json as it was before shoal; undefined when nothing is left of it. */
export function daemonJsonBefore(text: string): string | undefined {
  const { 'live-restore': _, ...rest } = JSON.parse(text) as Record<string, unknown>;
  return Object.keys(rest).length === 0 ? undefined : toText(rest);
}
