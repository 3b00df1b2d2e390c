import { writeFileSync } from 'node:fs';
import { AppError } from '../../manager/common/base/errors.js';
import { byCodeUnit } from '../compose/decode/reader.js';
import {
  openFileSystem,
  loadModel,
  loadProjectSync,
  type LoadOptions,
  type LoadRequest,
} from '../compose/load/load.js';
import type { Project } from '../compose/model.js';
import { normalize } from '../compose/load/normalize.js';
import { toPlainData, renderForYaml, renderProject, serviceHash } from '../compose/render.js';
import { printYaml } from '../compose/yaml/yaml-print.js';
import { printVariables, variablesOf } from '../compose/interpolation/variables.js';
import { imageOf } from '../compose/specs/names.js';

/** Flags of `config` with docker compose's names; a `--no-x` flag is `x`, false. */
export interface ConfigOptions {
  readonly format?: string;
  readonly services?: boolean;
  readonly volumes?: boolean;
  readonly networks?: boolean;
  readonly images?: boolean;
  readonly models?: boolean;
  readonly profiles?: boolean;
  readonly environment?: boolean;
  readonly variables?: boolean;
  /** A service, a comma-separated list of services, or `*`. */
  readonly hash?: string;
  readonly quiet?: boolean;
  readonly interpolate?: boolean;
  readonly normalize?: boolean;
  readonly pathResolution?: boolean;
  readonly envResolution?: boolean;
  readonly consistency?: boolean;
  readonly resolveImageDigests?: boolean;
  readonly lockImageDigests?: boolean;
  readonly output?: string;
}

export interface ConfigIo {
  readonly stdout: (text: string) => void;
  readonly stderr: (text: string) => void;
}

/**
 * `shoal config`: validates the Compose files of `request` and prints the canonical model, or the
 * part that the flags select. Warnings go to stderr. Throws ComposeError.
 */
export function runConfig(
  request: LoadRequest,
  options: ConfigOptions,
  io: ConfigIo,
  pinned: ReadonlyMap<string, string> = new Map(),
): void {
  const format = options.format ?? 'yaml';
  if (format !== 'yaml' && format !== 'json') {
    throw new AppError('invalid', `invalid --format "${format}": use yaml or json`);
  }
  const onWarning = (message: string): void => {
    io.stderr(`warning: ${message}\n`);
  };
  const listFormat = options.format === undefined ? 'table' : format;
  const text = outputOf({ ...request, onWarning }, { ...options, format, listFormat, pinned });
  if (options.quiet === true) return;
  if (options.output === undefined) io.stdout(text);
  else writeFileSync(resolveOutput(options.output, request.cwd), text);
}

function resolveOutput(path: string, cwd: string): string {
  return path.startsWith('/') ? path : `${cwd}/${path}`;
}

type OutputOptions = ConfigOptions & {
  readonly format: 'yaml' | 'json';
  /** Format of `--variables`, a table unless `--format` is given. */
  readonly listFormat: 'yaml' | 'json' | 'table';
  /** Image names with digests that replace the services' images. */
  readonly pinned: ReadonlyMap<string, string>;
};

function outputOf(request: LoadRequest, options: OutputOptions): string {
  if (options.variables === true) return variablesText(request, options.listFormat);
  if (options.hash !== undefined) return hashLines(request, options.hash);
  if (options.interpolate === false) return uninterpolated(request, options);
  const lists = [
    options.services,
    options.volumes,
    options.networks,
    options.images,
    options.models,
  ];
  const listing = [...lists, options.profiles, options.environment].includes(true);
  const loaded = loadProjectSync({
    ...request,
    options: {
      normalize: options.normalize !== false,
      resolvePaths: options.pathResolution !== false,
      consistency: options.consistency !== false,
      resolveEnvironment: !listing && options.envResolution !== false,
      ...separatorOf(request),
      allResources: request.options?.allResources === true,
      // Listing profiles must work while inactive profiles leave dependencies unresolved.
      ...(options.profiles === true ? { consistency: false } : {}),
    },
  });
  if (options.quiet === true) return '';
  const project = withPinned(loaded.project, options.pinned);
  if (options.lockImageDigests === true) return lockFile(project, options.format);
  return listing ? listOf(project, options) : rendered(project, options.format);
}

function separatorOf({ options }: LoadRequest): Pick<LoadOptions, 'nameSeparator'> {
  return options?.nameSeparator === undefined ? {} : { nameSeparator: options.nameSeparator };
}

function withPinned(project: Project, pinned: ReadonlyMap<string, string>): Project {
  if (pinned.size === 0) return project;
  const services = Object.entries(project.services).map(([name, service]) => {
    const image = pinned.get(service.image ?? '');
    return [name, image === undefined ? service : { ...service, image }] as const;
  });
  return { ...project, services: Object.fromEntries(services) };
}

/** An override file that only pins the images. */
function lockFile(project: Project, format: 'yaml' | 'json'): string {
  const services = Object.entries(project.services).flatMap(([name, { image }]) =>
    image === undefined ? [] : [[name, { image }] as const],
  );
  const value = { services: Object.fromEntries(services) };
  return format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : printYaml(value);
}

function listOf(project: Project, options: ConfigOptions): string {
  if (options.services === true) return lines(Object.keys(project.services));
  if (options.volumes === true) return lines(Object.keys(project.volumes));
  if (options.networks === true) return lines(Object.keys(project.networks));
  if (options.models === true) return lines(Object.keys(project.models));
  if (options.images === true) {
    return Object.entries(project.services)
      .map(([name, service]) => `${imageOf(project, name, service)}\n`)
      .join('');
  }
  if (options.environment === true)
    return lines(Object.entries(project.environment).map(([key, value]) => `${key}=${value}`));
  const services = { ...project.services, ...project.disabledServices };
  return lines([...new Set(Object.values(services).flatMap((service) => service.profiles ?? []))]);
}

function lines(names: readonly string[]): string {
  return [...names]
    .sort(byCodeUnit)
    .map((name) => `${name}\n`)
    .join('');
}

/** Doubles literal dollar signs, so that the output is a valid Compose file. */
function rendered(project: Project, format: 'yaml' | 'json'): string {
  const text =
    format === 'json'
      ? `${JSON.stringify(renderProject(project), null, 2)}
`
      : printYaml(renderForYaml(project));
  return text.replaceAll('$', '$$$$');
}

function hashLines(request: LoadRequest, wanted: string): string {
  const loaded = loadProjectSync({ ...request, options: { resolveEnvironment: false } });
  const names = wanted === '*' ? Object.keys(loaded.project.services) : wanted.split(',');
  return names
    .sort(byCodeUnit)
    .map((name) => {
      const service = loaded.project.services[name];
      if (service === undefined) throw new AppError('not-found', `no such service: ${name}`);
      return `${name} ${serviceHash(loaded.project, service)}\n`;
    })
    .join('');
}

function uninterpolated(request: LoadRequest, options: OutputOptions): string {
  const bare = {
    ...request,
    options: { interpolate: false, resolvePaths: options.pathResolution !== false },
  };
  const { tree, name } = loadModel(bare, openFileSystem(bare, new Set()));
  if (options.normalize !== false) {
    normalize(tree, name, () => undefined);
    tree.name = name;
  }
  const value = toPlainData(tree);
  return options.format === 'json' ? `${JSON.stringify(value, null, 2)}\n` : printYaml(value);
}

function variablesText(request: LoadRequest, format: 'yaml' | 'json' | 'table'): string {
  const bare = { ...request, options: { interpolate: false } };
  const { tree } = loadModel(bare, openFileSystem(bare, new Set()));
  // The project name is resolved before interpolation; its variables are not listed.
  delete tree.name;
  return printVariables(variablesOf(tree), format);
}
