import type { Cli } from '../cli.js';
import type { Loaded, LoadRequest } from '../compose/load/load.js';

/** What the flags before the command say about the project's files. */
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
    options: { allResources: cli.options.allResources === true },
  };
}

/** The project's name: `-p`, COMPOSE_PROJECT_NAME, the file's `name:`, or the directory's. */
export async function projectNameOf(cli: Cli): Promise<string> {
  const given = cli.options.projectName ?? cli.env.COMPOSE_PROJECT_NAME ?? '';
  if (given !== '') {
    const { checkProjectName } = await import('../compose/load/project-name.js');
    return checkProjectName(given);
  }
  const { loadProjectName } = await import('../compose/load/load.js');
  return loadProjectName(loadRequest(cli));
}

/** The whole project, checked; only the named services and what they depend on when some are named. */
export async function loadFile(cli: Cli, services: readonly string[]): Promise<Loaded> {
  const { loadProject } = await import('../compose/load/load.js');
  return loadProject({ ...loadRequest(cli), services });
}
