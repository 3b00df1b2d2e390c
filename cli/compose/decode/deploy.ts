import type {
  ComposeDeploy,
  DeviceRequest,
  ComposePlacement,
  ComposeResources,
  ComposeRestartPolicy,
  ComposeUpdateConfig,
} from '../model.js';
import { omitUndefined, type MappingReader } from './reader.js';

export function readDeploy(r: MappingReader): ComposeDeploy {
  return omitUndefined<ComposeDeploy>({
    mode: r.text('mode'),
    replicas: r.integer('replicas', 'keep'),
    labels: r.strings('labels'),
    update_config: r.nested('update_config', readUpdate),
    rollback_config: r.nested('rollback_config', readUpdate),
    resources: omitUndefined<ComposeDeploy['resources']>({
      limits: r.child('resources').nested('limits', readResources),
      reservations: r.child('resources').nested('reservations', readResources),
    }),
    restart_policy: r.nested('restart_policy', readRestart),
    placement: readPlacement(r.child('placement')),
    endpoint_mode: r.text('endpoint_mode'),
  });
}

function readUpdate(r: MappingReader): ComposeUpdateConfig {
  return omitUndefined<ComposeUpdateConfig>({
    parallelism: r.integer('parallelism', 'keep'),
    delay: r.duration('delay', 'omit'),
    failure_action: r.text('failure_action'),
    monitor: r.duration('monitor', 'omit'),
    max_failure_ratio: r.single('max_failure_ratio'),
    order: r.text('order'),
  });
}

function readResources(r: MappingReader): ComposeResources {
  return omitUndefined<ComposeResources>({
    cpus: r.single('cpus'),
    memory: r.bytes('memory'),
    pids: r.integer('pids'),
    devices: r.each('devices', readDeviceRequest),
    generic_resources: r.each('generic_resources', (g) =>
      omitUndefined<NonNullable<ComposeResources['generic_resources']>[number]>({
        discrete_resource_spec: g.nested('discrete_resource_spec', (d) => ({
          kind: d.text('kind') ?? '',
          value: d.integer('value') ?? 0,
        })),
      }),
    ),
  });
}

export function readDeviceRequest(r: MappingReader): DeviceRequest {
  return omitUndefined<DeviceRequest>({
    capabilities: r.list('capabilities'),
    driver: r.text('driver'),
    count: r.raw('count') === 'all' ? -1 : r.integer('count'),
    device_ids: r.list('device_ids'),
    options: r.strings('options'),
  });
}

function readRestart(r: MappingReader): ComposeRestartPolicy {
  return omitUndefined<ComposeRestartPolicy>({
    condition: r.text('condition'),
    delay: r.duration('delay'),
    max_attempts: r.integer('max_attempts', 'keep'),
    window: r.duration('window'),
  });
}

function readPlacement(r: MappingReader): ComposePlacement {
  return omitUndefined<ComposePlacement>({
    constraints: r.list('constraints'),
    preferences: r.each('preferences', (p) =>
      omitUndefined<NonNullable<ComposePlacement['preferences']>[number]>({
        spread: p.text('spread'),
      }),
    ),
    max_replicas_per_node: r.integer('max_replicas_per_node'),
  });
}
