import type { Cli } from '../cli.js';
import type { LoadResult, LoadRequest } from '../compose/load/load.js';

/** Load request for the project's Compose files, from the global flags. */
export function loadRequest(cli: Cli): LoadRequest {
  const { files, projectName, projectDirectory, envFiles, profiles } = cli.options;
  return {
    files,
    projectName,
    projectDirectory,
    envFiles,
    profiles,
    env: cli.env,
    cwd: cli.cwd,
    options: {
      allResources: cli.options.allResources === true,
      ...(cli.options.compatibility === true ? { nameSeparator: '_' } : {}),
    },
  };
}

/** The project name: `-p`, COMPOSE_PROJECT_NAME, `name:` of the file, or the directory's name. */
export async function projectNameOf(cli: Cli): Promise<string> {
  const given = cli.options.projectName ?? cli.env.COMPOSE_PROJECT_NAME ?? '';
  if (given !== '') {
    const { checkProjectName } = await import('../compose/load/project-name.js');
    return checkProjectName(given);
  }
  const { loadProjectName } = await import('../compose/load/load.js');
  return loadProjectName(loadRequest(cli));
}

/** Loads and validates the project; if services are named, only those and their dependencies. */
export async function loadFile(cli: Cli, services: readonly string[]): Promise<LoadResult> {
  const { loadProject } = await import('../compose/load/load.js');
  return loadProject({ ...loadRequest(cli), services });
}
