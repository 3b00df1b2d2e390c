import { AppError } from '../../common/base/errors.js';
import type { PortSpec } from '../../common/model/service.js';
import type { HostConfigBody, PortBinding } from './create-body.js';

/** Translates `HostConfig.PortBindings`: `80/tcp` to host addresses. Throws `invalid`. */
export function planPorts({ PortBindings = {} }: HostConfigBody): readonly PortSpec[] {
  return Object.entries(PortBindings).flatMap(([key, bindings = []]) => {
    const { target, protocol } = parsePort(key);
    const all = bindings.length === 0 ? [{}] : bindings;
    return all.map((binding) => ({
      ...{ target, protocol, mode: 'host' as const },
      ...hostSide(key, binding),
    }));
  });
}

function parsePort(key: string): Pick<PortSpec, 'target' | 'protocol'> {
  const [, digits = '', protocol = 'tcp'] = /^(\d+)(?:\/([a-z]+))?$/u.exec(key) ?? [];
  const target = Number(digits);
  if (digits === '' || !isPort(target)) {
    throw new AppError('invalid', `invalid port specification: "${key}"`);
  }
  if (protocol === 'tcp' || protocol === 'udp' || protocol === 'sctp') return { target, protocol };
  throw new AppError('invalid', `invalid protocol: ${protocol}`);
}

function hostSide(
  key: string,
  { HostIp = '', HostPort = '' }: PortBinding,
): Pick<PortSpec, 'published' | 'publishedEnd' | 'hostIp'> {
  const address = HostIp === '' ? {} : { hostIp: HostIp };
  if (HostPort === '' || HostPort === '0') return address;
  const [, first = '', last = first] = /^(\d+)(?:-(\d+))?$/u.exec(HostPort) ?? [];
  const [published, publishedEnd] = [Number(first), Number(last)];
  if (first === '' || !isPort(published) || !isPort(publishedEnd) || publishedEnd < published) {
    throw new AppError('invalid', `invalid port specification: "${HostPort}" for ${key}`);
  }
  return { ...address, published, ...(last === first ? {} : { publishedEnd }) };
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535;
}
