import type { Fields } from '../../manager/common/base/decode.js';
import { decodeJson, fields } from '../../manager/common/base/decode.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { EngineOptions } from '../inventory/machine-record.js';
import { hasControlCharacter } from '../inventory/machine-record.js';

/*
 * TLS for an engine with an existing configuration. The drop-in repeats the unit's command (from
 * all files except ours) and appends flags. dockerd refuses to start if a flag is also a key of
 * daemon.json, so conflicts are detected before the restart. live-restore goes to daemon.json
 * because only there it can be enabled by a reload before the first restart, so that running
 * containers survive it.
 */

export const dropInPath = '/etc/systemd/system/docker.service.d/10-shoal.conf';
export const daemonJsonPath = '/etc/docker/daemon.json';

/** The engine's configuration as found on the machine. */
export interface InstalledEngine {
  readonly machine: string;
  /** Output of `systemctl cat docker.service`. */
  readonly unit: string;
  readonly daemonJson: string | undefined;
  readonly swarm: boolean;
}

export interface EngineConfig {
  readonly dropIn: string;
  /** New content; undefined leaves the file unchanged. */
  readonly daemonJson: string | undefined;
}

/** The unit's effective ExecStart without our drop-in; undefined if there is none. */
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

/** The command without TCP listeners and TLS flags, which the drop-in sets. */
function withoutListeners(command: string): string {
  const bare = command
    .replaceAll(/\s--tlsverify(?:=\S+)?(?=\s|$)/gu, '')
    .replaceAll(tcpHost, '')
    .replaceAll(tlsFlag, '');
  const listens = /\s(?:-H|--host)[ =]/u.test(bare);
  return listens ? bare : `${bare} -H unix:///var/run/docker.sock`;
}

/**
 * Quotes an argument of a systemd command line; systemd.service(5) expands `%` and `$`. Throws as
 * `quoteUnitText`.
 */
export function quoteUnitArgument(argument: string): string {
  return quoteUnitText(argument).replaceAll('$', '$$$$');
}

/**
 * Quotes a value in a unit. Throws `invalid` for a control character: a line break would begin a
 * directive.
 */
function quoteUnitText(text: string): string {
  if (hasControlCharacter(text)) {
    const [name = ''] = text.split('=');
    throw new AppError(
      'invalid',
      `engine option ${JSON.stringify(name)}: has a control character; remove it`,
    );
  }
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', String.raw`\"`)
    .replaceAll('%', '%%');
  return /^[A-Za-z0-9_@+:,./=-]+$/u.test(text) ? text : `"${escaped}"`;
}

interface Flag {
  readonly argument: string;
  /** The equivalent key of daemon.json. */
  readonly key: string;
}

const flag = (key: string, argument: string): Flag => ({ key, argument });

/** The flags of the engine's port. */
function portFlags(port: number): readonly Flag[] {
  return [
    flag('hosts', `--host=tcp://0.0.0.0:${String(port)}`),
    flag('tlsverify', '--tlsverify'),
    flag('tlscacert', '--tlscacert=/etc/shoal/engine/ca.pem'),
    flag('tlscert', '--tlscert=/etc/shoal/engine/server.pem'),
    flag('tlskey', '--tlskey=/etc/shoal/engine/server-key.pem'),
  ];
}

function flags(port: number | undefined, options: EngineOptions): readonly Flag[] {
  return [
    ...(port === undefined ? [] : portFlags(port)),
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

function parseDaemonJson(machine: string, text: string): Fields {
  return decodeJson(text, fields, `${machine}: ${daemonJsonPath}`, 'fix that file first');
}

/**
 * The engine's drop-in and, unless live-restore is set or Swarm mode rules it out, its daemon.json.
 * Throws `unsupported` without a systemd unit, `invalid` for a broken daemon.json, `conflict` for a
 * daemon.json key that the drop-in also sets.
 */
export function planEngineConfig(
  facts: InstalledEngine,
  wanted: {
    /** Undefined for an engine that listens on its socket only. */
    readonly port: number | undefined;
    readonly options: EngineOptions;
  },
): EngineConfig {
  const command = unitCommand(facts.unit);
  if (command === undefined) {
    throw new AppError(
      'unsupported',
      `${facts.machine}: docker.service has no ExecStart; install the engine as a systemd unit`,
    );
  }
  const json =
    facts.daemonJson === undefined ? {} : parseDaemonJson(facts.machine, facts.daemonJson);
  const keepsLabels = 'labels' in json && wanted.options.Labels.length === 0;
  const added = flags(wanted.port, wanted.options).filter(
    ({ key }) => !(keepsLabels && key === 'labels'),
  );
  const clash = added.find(({ key }) => key in json);
  if (clash !== undefined) {
    throw new AppError(
      'conflict',
      `${facts.machine}: ${daemonJsonPath} sets "${clash.key}", which shoal manages; remove it from that file`,
    );
  }
  const line = [
    withoutListeners(command),
    ...added.map((flag) => quoteUnitArgument(flag.argument)),
  ];
  const environment = wanted.options.Env.map((entry) => `Environment=${quoteUnitText(entry)}\n`);
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

function toText(json: Fields): string {
  return `${JSON.stringify(json, undefined, 2)}\n`;
}

/** daemon.json without shoal's change; undefined if no key is left. */
export function revertDaemonJson(machine: string, text: string): string | undefined {
  const { 'live-restore': _, ...rest } = parseDaemonJson(machine, text);
  return Object.keys(rest).length === 0 ? undefined : toText(rest);
}
