import type { Clock } from '../manager/common/base/clock.js';
import type { Logger } from '../manager/common/base/log.js';
import { EngineClient } from './executor/docker/client.js';
import { ContainerWatch } from './executor/docker/container-watch.js';
import { ComposeContainers } from './executor/docker/compose-containers.js';
import { DockerContainerAccess } from './executor/docker/container-access.js';
import { DockerContainerControl } from './executor/docker/container-control.js';
import { DockerImageStore } from './executor/docker/images/image-store.js';
import { DockerImageTransfer } from './executor/docker/images/image-transfer.js';
import { DockerEngineRequests } from './executor/docker/engine-requests.js';
import { DockerTaskExecutor } from './executor/docker/task-executor.js';
import { EngineHealth } from './executor/engine-health.js';
import type { EngineInterfaces } from './executor/executor.js';
import { TaskFiles } from './executor/docker/files.js';
import { ImageLayers } from './executor/docker/images/image-layers.js';
import { Images } from './executor/docker/images/images.js';
import { EngineNetworks } from './executor/docker/networks.js';
import { SlotVolumes } from './executor/docker/mounts/slot-volumes.js';
import { Volumes } from './executor/docker/mounts/volumes.js';
import { localPlatform } from './node-description.js';
import type { EffectiveSettings } from './settings.js';

/** Components that talk to this machine's engine. */
export interface Engine extends EngineInterfaces {
  readonly client: EngineClient;
  readonly health: EngineHealth;
  readonly containers: ContainerWatch;
  readonly networks: EngineNetworks;
  readonly volumes: Volumes;
  readonly slotVolumes: SlotVolumes;
  readonly files: TaskFiles;
  readonly images: Images;
}

export function connectEngine(settings: EffectiveSettings, clock: Clock, log: Logger): Engine {
  const { clusterId, nodeId, name, dataDir, secretsDir, dockerSocket } = settings;
  const client = new EngineClient(dockerSocket);
  const owner = { clusterId, nodeId };
  const watch = new ContainerWatch({ client, clusterId, clock, log, random: Math.random });
  const files = new TaskFiles({ secretsDir, dataDir, hostResolver: '/etc/resolv.conf' });
  const volumes = new Volumes(client, owner, name);
  const slotVolumes = new SlotVolumes(client, owner);
  const images = new Images(client, name, clock);
  // Tags may have moved while the event stream was down.
  watch.onSync(() => {
    images.invalidate();
  });
  return {
    client,
    health: new EngineHealth({
      ping: (signal) => client.ping(name, signal),
      node: name,
      clock,
      random: Math.random,
    }),
    containers: watch,
    executor: new DockerTaskExecutor({
      ...{ client, watch, images, volumes, slotVolumes, files, owner },
      node: { id: nodeId, ...localPlatform() },
    }),
    control: new DockerContainerControl(client, watch),
    access: new DockerContainerAccess(client),
    imageStore: new DockerImageStore(client, images, new ImageLayers(client)),
    transfer: new DockerImageTransfer(client, images),
    foreign: new ComposeContainers(client),
    requests: new DockerEngineRequests(dockerSocket, () => client.apiMinor),
    networks: new EngineNetworks(client, clusterId, watch),
    volumes,
    slotVolumes,
    files,
    images,
  };
}
