import { messageOf } from '../../../manager/common/base/errors.js';
import { errorAt } from '../error.js';
import { isHostIp, isIp } from '../check/ip-address.js';
import {
  Float,
  isList,
  isMap,
  listFromItems,
  keyMark,
  newMap,
  withItemMarks,
  withMark,
  containerMark,
  type Path,
  type Tree,
  type TreeMap,
} from '../yaml/tree.js';

export interface ParsedPort {
  readonly hostIp: string;
  readonly target: number;
  /** A port, a range, or empty for any free port. */
  readonly published: string;
  readonly protocol: string;
}

/**
 * Parses `[[IP:]HOST[-END]:]PORT[-END][/PROTOCOL]`. A range yields one entry per port, sorted as
 * text (10, 11, 9), as in docker compose: the config hash depends on the order. Throws Error.
 */
export function parsePortSpec(spec: string): ParsedPort[] {
  const slash = spec.indexOf('/');
  const protocol = (slash < 0 ? '' : spec.slice(slash + 1)) || 'tcp';
  const { hostIp, host, container } = splitPort(slash < 0 ? spec : spec.slice(0, slash), spec);
  if (container === '' || /^0+(-|$)/.test(container)) {
    throw new Error(`port "${spec}" is missing a target port; use a container port of 1 or more`);
  }
  if (!['tcp', 'udp', 'sctp'].includes(protocol.toLowerCase())) {
    throw new Error(`port "${spec}" has unknown protocol "${protocol}"; use tcp, udp or sctp`);
  }
  const containerRange = parseRange(container, spec);
  const hostRange = host === '' ? undefined : parseRange(host, spec);
  const count = containerRange.end - containerRange.start;
  if (hostRange !== undefined && hostRange.end - hostRange.start !== count && count !== 0) {
    throw new Error(`port "${spec}" has ranges of different length; use equal ranges`);
  }
  const ports = Array.from({ length: count + 1 }, (_, index) => ({
    hostIp,
    target: containerRange.start + index,
    published: publishedAt(hostRange, count, index),
    protocol: protocol.toLowerCase(),
  }));
  const order = (port: ParsedPort): string => `${String(port.target)}/${port.protocol}`;
  return ports.sort((a, b) => (order(a) < order(b) ? -1 : 1));
}

function publishedAt(hostRange: Range | undefined, count: number, index: number): string {
  if (hostRange === undefined) return '';
  if (count === 0 && hostRange.end !== hostRange.start)
    return `${String(hostRange.start)}-${String(hostRange.end)}`;
  return String(hostRange.start + index);
}

function splitPort(
  text: string,
  spec: string,
): { hostIp: string; host: string; container: string } {
  const bracketed = /^\[([^\]]*)\]:(.*)$/.exec(text);
  const [address, rest] =
    bracketed === null ? [undefined, text] : [bracketed[1] ?? '', bracketed[2] ?? ''];
  const parts = rest.split(':');
  const container = parts.pop() ?? '';
  const host = parts.pop() ?? '';
  const hostIp = address ?? parts.join(':');
  if (address !== undefined && parts.length > 0)
    throw new Error(`port "${spec}" has too many colons; write IP:HOST:PORT`);
  if (address === undefined && hostIp.includes(':') && isIp(hostIp)) {
    throw new Error(
      `port "${spec}" has an IPv6 address without brackets; write [${hostIp}]:${host}:${container}`,
    );
  }
  if (hostIp !== '' && !isHostIp(hostIp)) {
    throw new Error(
      `port "${spec}" has invalid address "${hostIp}"; use an IP address of the host`,
    );
  }
  return { hostIp, host, container };
}

interface Range {
  readonly start: number;
  readonly end: number;
}

function parseRange(text: string, spec: string): Range {
  const [first, last, more] = text.split('-');
  const start = toPort(first ?? '', spec);
  const end = last === undefined ? start : toPort(last, spec);
  if (more !== undefined || end < start)
    throw new Error(`port "${spec}" has invalid range "${text}"; write START-END`);
  return { start, end };
}

function toPort(text: string, spec: string): number {
  const port = /^[0-9]{1,5}$/.test(text) ? Number(text) : -1;
  if (port < 0 || port > 65535)
    throw new Error(`port "${spec}" has invalid port "${text}"; use 0 to 65535`);
  return port;
}

/** Expands a list of ports to the long form. With `lenient`, unparsable ports are kept. */
export function canonicalPorts(value: Tree, path: Path, root: TreeMap, lenient: boolean): Tree {
  if (!isList(value)) throw errorAt(root, path, 'must be a list of ports');
  const written = value.map((item, index) => {
    if (isMap(item)) return [item];
    const spec = specOf(item);
    if (spec === undefined) {
      throw errorAt(root, [...path, index], 'port must be a string, an integer or a mapping');
    }
    try {
      return parsePortSpec(spec).map((port) => withMark(longForm(port), keyMark(value, index)));
    } catch (error) {
      if (lenient) return [item];
      throw errorAt(root, [...path, index], messageOf(error));
    }
  });
  if (written.every((ports) => ports.length === 1)) return withItemMarks(value, written.flat());
  const ports = written.flatMap((list, index) =>
    list.map((port) => ({ value: port, mark: keyMark(value, index) })),
  );
  return listFromItems(ports, containerMark(value));
}

function specOf(value: Tree): string | undefined {
  if (value instanceof Float) return undefined;
  if (typeof value === 'string') return value;
  return typeof value === 'number' && Number.isInteger(value) ? String(value) : undefined;
}

function longForm(port: ParsedPort): TreeMap {
  const map = newMap();
  map.mode = 'ingress';
  if (port.hostIp !== '') map.host_ip = port.hostIp;
  map.target = port.target;
  if (port.published !== '') map.published = port.published;
  map.protocol = port.protocol;
  return map;
}
