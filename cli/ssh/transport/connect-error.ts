import { AppError } from '../../../manager/common/base/errors.js';
import type { Hop } from './route.js';

/** Facts about an attempt to connect that failed. */
export interface FailedAttempt {
  /** The machine's name. */
  readonly name: string;
  readonly user: string;
  readonly hostname: string;
  readonly port: number;
  readonly keyPath?: string | undefined;
  /** The pinned fingerprint. */
  readonly hostKey?: string | undefined;
  readonly hops: readonly Hop[];
  /** Standard error of ssh. */
  readonly stderr: string;
  /** True if the deadline passed. */
  readonly timedOut: boolean;
  /** Keys whose passphrase nobody could be asked for, or was wrong each time. */
  readonly lockedKeys: ReadonlyMap<string, 'unasked' | 'wrong'>;
  /** The socket of an agent that does not answer. */
  readonly deadAgent?: string | undefined;
}

/** Lines of ssh that say nothing about the cause. */
const noise =
  /^(?:Warning: Permanently added|debug\d|\*\*|@|Connection closed by UNKNOWN|Pseudo-terminal|Control(?:Socket|Path) |mux_client)/u;

function informativeLines(stderr: string): readonly string[] {
  return stderr
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !noise.test(line));
}

/** The host that a message of ssh names as the one it connects to: `address:port`. */
function failedPlace(line: string): string | undefined {
  const match = /connect to host (\S+) port (\d+):/u.exec(line);
  return match === null ? undefined : `${match[1] ?? ''}:${match[2] ?? ''}`;
}

function hostKeyError(attempt: FailedAttempt): AppError | undefined {
  const { name, hostname, stderr, hops } = attempt;
  if (!/Host key verification failed|no matching host key type/u.test(stderr)) return undefined;
  const subject =
    /Host key for (\S+) has changed/u.exec(stderr)?.[1] ??
    /host key is known for (\S+) and you have requested/u.exec(stderr)?.[1];
  const changed = stderr.includes('REMOTE HOST IDENTIFICATION HAS CHANGED');
  const isHop = subject === undefined ? hops.length > 0 && !changed : subject !== name;
  if (isHop)
    return new AppError('forbidden', `${name}: ${jumpHostKeyText(subject, changed, hops)}`);
  const sent = /SHA256:[\w+/]{43}/u.exec(stderr)?.[0];
  const offer = /Their offer: (\S+)/u.exec(stderr)?.[1];
  return changedHostKey(
    name,
    hostname,
    attempt.hostKey,
    sent ?? `one of ${offer ?? 'another kind'}`,
  );
}

function jumpHostKeyText(
  subject: string | undefined,
  changed: boolean,
  hops: readonly Hop[],
): string {
  const names = hops.map(({ host }) => host);
  if (subject === undefined) {
    return `host key of a jump host (${names.join(', ')}) is not confirmed; log in once with "ssh ${names.at(-1) ?? ''}" and confirm it`;
  }
  return changed
    ? `host key of the jump host ${subject} changed; if it was reinstalled, remove the old key with "ssh-keygen -R '${subject}'"`
    : `host key of the jump host ${subject} is unknown; log in there once with "ssh" and confirm it`;
}

/** The error of a host key that is not the pinned one. */
export function changedHostKey(
  name: string,
  host: string,
  pinned: string | undefined,
  offered: string,
): AppError {
  return new AppError(
    'forbidden',
    `${name}: host key of ${host} changed from ${String(pinned)} to ${offered}; if the machine was reinstalled, remove it with "shoal machine rm -f ${name}" and create it again`,
  );
}

function keyError(attempt: FailedAttempt, where: string): AppError {
  const { name, keyPath, stderr, lockedKeys, deadAgent } = attempt;
  const locked = [...lockedKeys].find(([path]) => keyPath === undefined || path === keyPath);
  if (stderr.includes('Too many authentication failures')) {
    return new AppError(
      'forbidden',
      `${where} refused the login: too many keys were offered; name the right one with --generic-ssh-key, or with IdentityFile and "IdentitiesOnly yes" in the ssh configuration`,
    );
  }
  const unreadable = /^Load key "([^"]+)": (?!.*passphrase)(.+?)\.?\r?$/mu.exec(stderr);
  if (unreadable !== null && keyPath !== undefined) {
    return new AppError(
      'invalid',
      `ssh key ${keyPath} is not a private key: ${unreadable[2] ?? ''}`,
    );
  }
  if (locked !== undefined) {
    const [path, reason] = locked;
    return new AppError(
      'invalid',
      reason === 'wrong'
        ? `${name}: the passphrase of ssh key ${path} was wrong three times; try again`
        : `ssh key ${path} has a passphrase; add it to an ssh agent and set SSH_AUTH_SOCK`,
    );
  }
  const signing = /^sign_and_send_pubkey: (.+?)\r?$/mu.exec(stderr)?.[1];
  const because = signing === undefined ? '' : `: ${signing}`;
  const agent =
    deadAgent === undefined
      ? ''
      : `; the ssh agent at ${deadAgent} (SSH_AUTH_SOCK) does not answer, start it again`;
  const tried = keyPath ?? "the agent's and the default keys";
  return new AppError(
    'forbidden',
    `${where} refused the ssh key (${tried})${because}; set the right key with --generic-ssh-key or the right user with --generic-ssh-user${agent}`,
  );
}

/** The error of a jump host that cannot be reached. */
function jumpHostError(attempt: FailedAttempt, lines: readonly string[]): AppError | undefined {
  const { name, hostname, port, hops, stderr } = attempt;
  const line = lines.find((each) => failedPlace(each) !== undefined);
  const place = line === undefined ? undefined : failedPlace(line);
  if (line === undefined || place === `${hostname}:${String(port)}` || hops.length === 0)
    return undefined;
  const hop = hops.find((each) => each.place === place);
  return new AppError(
    'unavailable',
    `${name}: jump host ${hop === undefined ? '' : `${hop.host} `}(${String(place)}) cannot be reached by ssh: ${reasonIn(line)}; check that it runs`,
    { detail: stderr },
  );
}

function reasonIn(line: string): string {
  return line.replace(/^.*port \d+: /u, '').toLowerCase();
}

/** The error of a login that was refused. */
function loginError(attempt: FailedAttempt): AppError | undefined {
  const { name, user, hostname, port, hops, stderr } = attempt;
  if (!/Permission denied|Too many authentication failures|Load key /u.test(stderr))
    return undefined;
  const denied = /^(\S+@\S+): Permission denied/mu.exec(stderr)?.[1];
  const isHop = denied !== undefined && denied !== `${user}@${hostname}` && hops.length > 0;
  const where = `${name}: ${user}@${hostname}:${String(port)}`;
  return keyError(attempt, isHop ? `${name}: jump host ${denied}` : where);
}

/** Translates the end of ssh before it was logged in; a single line for the user. */
export function connectError(attempt: FailedAttempt): AppError {
  const { name, user, hostname, port, stderr, timedOut } = attempt;
  const lines = informativeLines(stderr);
  const known = hostKeyError(attempt) ?? jumpHostError(attempt, lines) ?? loginError(attempt);
  if (known !== undefined) return known;
  const where = `${name}: ${user}@${hostname}:${String(port)}`;
  const unknown = /Could not resolve hostname ([^\s:]+)/iu.exec(stderr)?.[1];
  if (unknown !== undefined) {
    return new AppError(
      'unavailable',
      `${where} cannot be reached by ssh: host name ${unknown} is neither in the ssh configuration nor in DNS; check the spelling`,
    );
  }
  const bad = lines.find((line) => /Bad configuration option|config.*line \d+/iu.test(line));
  if (bad !== undefined) return new AppError('invalid', `ssh configuration: ${bad}`);
  const reason = reasonIn(lines.at(-1) ?? 'ssh ended without a message');
  const late = timedOut || /timed out/iu.test(lines.join(' '));
  return new AppError(
    late ? 'timeout' : 'unavailable',
    `${where} cannot be reached by ssh: ${late ? 'timed out' : reason}; check address, port and firewall`,
    { detail: stderr },
  );
}
