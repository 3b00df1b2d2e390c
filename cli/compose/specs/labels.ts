import { createHash } from 'node:crypto';
import type { Labels } from '../../../manager/common/model/meta.js';
import type { Project, ComposeService } from '../model.js';
import { goJson } from '../render.js';

/**
 * Labels of docker compose 2.40.3 (pkg/api/labels.go), so that docker compose and related tools
 * recognize the containers, networks and volumes. The worker sets number, config hash and image.
 */
const prefix = 'com.docker.compose.';
const version = '2.40.3';

export function composeContainerLabels(
  project: Project,
  name: string,
  service: ComposeService,
): Labels {
  const files = project.environmentFiles;
  return {
    ...service.labels,
    [`${prefix}depends_on`]: Object.entries(service.depends_on ?? {})
      .map(([other, { condition, restart }]) => `${other}:${condition}:${String(restart === true)}`)
      .join(','),
    [`${prefix}oneoff`]: 'False',
    [`${prefix}project`]: project.name,
    [`${prefix}project.config_files`]: project.composeFiles.join(','),
    ...(files.length === 0 ? {} : { [`${prefix}project.environment_file`]: files.join(',') }),
    [`${prefix}project.working_dir`]: project.workingDirectory,
    [`${prefix}service`]: name,
    [`${prefix}version`]: version,
  };
}

export function networkLabels(project: Project, key: string): Labels {
  const network = project.networks[key];
  return {
    ...network?.labels,
    [`${prefix}config-hash`]: sha256(goJson(network)),
    [`${prefix}network`]: key,
    [`${prefix}project`]: project.name,
    [`${prefix}version`]: version,
  };
}

export function volumeLabels(project: Project, key: string): Labels {
  const volume = project.volumes[key];
  const { name, driver, ...rest } = volume ?? { name: key };
  return {
    ...volume?.labels,
    [`${prefix}config-hash`]: sha256(goJson({ name, driver: driver ?? 'local', ...rest })),
    [`${prefix}project`]: project.name,
    [`${prefix}version`]: version,
    [`${prefix}volume`]: key,
  };
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}
