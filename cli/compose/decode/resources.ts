import type { FileObject, IpamPool, Model, Network, Volume } from '../model-resources.js';
import { compact, type Reader } from './reader.js';

export function readNetwork(r: Reader): Network {
  return compact<Network>({
    name: r.text('name') ?? '',
    driver: r.text('driver'),
    driver_opts: r.strings('driver_opts'),
    ipam: compact<Network['ipam']>({
      driver: r.child('ipam').text('driver'),
      config: r.child('ipam').each('config', readPool),
    }),
    external: r.flag('external'),
    internal: r.flag('internal'),
    attachable: r.flag('attachable'),
    labels: r.strings('labels'),
    enable_ipv4: r.flag('enable_ipv4', 'keep'),
    enable_ipv6: r.flag('enable_ipv6', 'keep'),
  });
}

function readPool(r: Reader): IpamPool {
  return compact<IpamPool>({
    subnet: r.text('subnet'),
    gateway: r.text('gateway'),
    ip_range: r.text('ip_range'),
    aux_addresses: r.strings('aux_addresses'),
  });
}

export function readVolume(r: Reader): Volume {
  return compact<Volume>({
    name: r.text('name') ?? '',
    driver: r.text('driver'),
    driver_opts: r.strings('driver_opts'),
    external: r.flag('external'),
    labels: r.strings('labels'),
  });
}

export function readFileObject(r: Reader): FileObject {
  return compact<FileObject>({
    name: r.text('name') ?? '',
    file: r.text('file'),
    environment: r.text('environment'),
    content: r.text('content'),
    external: r.flag('external'),
    labels: r.strings('labels'),
    driver: r.text('driver'),
    driver_opts: r.strings('driver_opts'),
    template_driver: r.text('template_driver'),
  });
}

export function readModel(r: Reader): Model {
  return compact<Model>({
    name: r.text('name'),
    model: r.text('model'),
    context_size: r.integer('context_size'),
    runtime_flags: r.list('runtime_flags'),
  });
}
