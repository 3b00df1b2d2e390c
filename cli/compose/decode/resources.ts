import type {
  FileObject,
  IpamPool,
  Model,
  ComposeNetwork,
  ComposeVolume,
} from '../model-resources.js';
import { omitUndefined, type MappingReader } from './reader.js';

export function readNetwork(r: MappingReader): ComposeNetwork {
  return omitUndefined<ComposeNetwork>({
    name: r.text('name') ?? '',
    driver: r.text('driver'),
    driver_opts: r.strings('driver_opts'),
    ipam: omitUndefined<ComposeNetwork['ipam']>({
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

function readPool(r: MappingReader): IpamPool {
  return omitUndefined<IpamPool>({
    subnet: r.text('subnet'),
    gateway: r.text('gateway'),
    ip_range: r.text('ip_range'),
    aux_addresses: r.strings('aux_addresses'),
  });
}

export function readVolume(r: MappingReader): ComposeVolume {
  return omitUndefined<ComposeVolume>({
    name: r.text('name') ?? '',
    driver: r.text('driver'),
    driver_opts: r.strings('driver_opts'),
    external: r.flag('external'),
    labels: r.strings('labels'),
  });
}

export function readFileObject(r: MappingReader): FileObject {
  return omitUndefined<FileObject>({
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

export function readModel(r: MappingReader): Model {
  return omitUndefined<Model>({
    name: r.text('name'),
    model: r.text('model'),
    context_size: r.integer('context_size'),
    runtime_flags: r.list('runtime_flags'),
  });
}
