import type { Clock } from '../manager/common/base/clock.js';
import type { Logger } from '../manager/common/base/log.js';
import { EngineClient } from './executor/docker/client.js';
import { ContainerWatch } from './executor/docker/container-watch.js';
import { DockerExecutor } from './executor/docker/docker-executor.js';
import { TaskFiles } from './executor/docker/files.js';
import { ImageLayers } from './executor/docker/image-layers.js';
import { Images } from './executor/docker/images.js';
import { EngineNetworks } from './executor/docker/networks.js';
import { Volumes } from './executor/docker/volumes.js';
import type { EffectiveSettings } from './settings.js';

/** Components that talk to this machine's engine. */
export interface Engine {
  readonly client: EngineClient;
  readonly watch: ContainerWatch;
  readonly executor: DockerExecutor;
  readonly networks: EngineNetworks;
  readonly volumes: Volumes;
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
  const images = new Images(client, name, clock);
  const layers = new ImageLayers(client);
  const executor = new DockerExecutor({ client, watch, images, layers, volumes, files, owner });
  const networks = new EngineNetworks(client, clusterId, watch);
  return { client, watch, executor, networks, volumes, files, images };
}
