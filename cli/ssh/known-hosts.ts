import { createHash, createHmac } from 'node:crypto';

/*
 * OpenSSH's known_hosts, sshd(8): `[@marker] hosts type key [comment]`. Certificates
 * (`@cert-authority`) are not evaluated: their hosts count as unknown.
 */

/** A host key that a server offers or a file lists. */
export interface HostKey {
  /** Such as `ssh-ed25519`. */
  readonly type: string;
  /** The key blob, base64. */
  readonly blob: string;
}

/** The fingerprint of a host key as OpenSSH prints it: `SHA256:` and unpadded base64. */
export function hostKeyFingerprint(hostKey: Buffer): string {
  return `SHA256:${createHash('sha256').update(hostKey).digest('base64').replace(/=+$/u, '')}`;
}

interface KnownHost extends HostKey {
  readonly isRevoked: boolean;
  readonly hosts: string;
}

/**
 * `changed`: the host has other keys. `revoked` takes precedence over everything else.
 */
export type HostKeyState = 'known' | 'unknown' | 'changed' | 'revoked';

function parseLine(line: string): KnownHost | undefined {
  const fields = line.trim().split(/\s+/u);
  const marker = fields[0]?.startsWith('@') === true ? fields.shift() : undefined;
  if (marker !== undefined && marker !== '@revoked') return undefined;
  const [hosts = '', type = '', blob = ''] = fields;
  if (hosts.startsWith('#') || blob === '') return undefined;
  return { isRevoked: marker !== undefined, hosts, type, blob };
}

/** The name under which known_hosts lists a server. */
export function knownHostName(host: string, port: number): string {
  return port === 22 ? host : `[${host}]:${String(port)}`;
}

function matchesHash(hashed: string, name: string): boolean {
  const [, , salt = '', hash = ''] = hashed.split('|');
  return createHmac('sha1', Buffer.from(salt, 'base64')).update(name).digest('base64') === hash;
}

/** `*` and `?` as in a shell, in time linear in the pattern for each position of the name. */
function matchesPattern(pattern: string, name: string): boolean {
  let [at, start, star, from] = [0, 0, -1, 0];
  while (at < name.length) {
    const wanted = pattern[start];
    if (wanted === '*') [star, from, start] = [start, at, start + 1];
    else if (wanted === '?' || wanted === name[at]) [at, start] = [at + 1, start + 1];
    else if (star !== -1) [from, at, start] = [from + 1, from + 1, star + 1];
    else return false;
  }
  return /^\**$/u.test(pattern.slice(start));
}

function lists(hosts: string, name: string): boolean {
  if (hosts.startsWith('|1|')) return matchesHash(hosts, name);
  const patterns = hosts.toLowerCase().split(',');
  const excluded = patterns.filter((pattern) => pattern.startsWith('!'));
  if (excluded.some((pattern) => matchesPattern(pattern.slice(1), name))) return false;
  return patterns.some((pattern) => matchesPattern(pattern, name));
}

/** Looks a server's key up in the text of known_hosts files. */
export function checkKnownHosts(
  text: string,
  server: { readonly host: string; readonly port: number },
  key: HostKey,
): HostKeyState {
  const name = knownHostName(server.host.toLowerCase(), server.port);
  const entries = text.split('\n').flatMap((line) => {
    const entry = parseLine(line);
    return entry !== undefined && lists(entry.hosts, name) ? [entry] : [];
  });
  if (entries.some(({ isRevoked, blob }) => isRevoked && blob === key.blob)) return 'revoked';
  const known = entries.filter(({ isRevoked }) => !isRevoked);
  if (known.some(({ type, blob }) => type === key.type && blob === key.blob)) return 'known';
  return known.length > 0 ? 'changed' : 'unknown';
}

/** Kinds of the keys that known_hosts lists for a server, such as `ssh-rsa`. */
export function knownKeyTypes(
  text: string,
  server: { readonly host: string; readonly port: number },
): readonly string[] {
  const name = knownHostName(server.host.toLowerCase(), server.port);
  const types = text.split('\n').flatMap((line) => {
    const entry = parseLine(line);
    return entry !== undefined && !entry.isRevoked && lists(entry.hosts, name) ? [entry.type] : [];
  });
  return [...new Set(types)];
}
