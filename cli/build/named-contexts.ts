import { resolve } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';

/** An additional build context that a Dockerfile refers to by name: a directory or an image. */
export type NamedContext =
  | { readonly kind: 'folder'; readonly name: string; readonly path: string }
  | { readonly kind: 'image'; readonly name: string; readonly image: string };

/**
 * Parses an entry of `additional_contexts`. Relative paths resolve against `folder`;
 * `imageOfService` returns the image of another service. Throws `unsupported` for a remote context
 * or an invalid name.
 */
export function parseNamedContext(
  name: string,
  value: string,
  options: { readonly folder: string; readonly imageOfService: (key: string) => string },
): NamedContext {
  if (!/^[a-z][a-z0-9._-]*$/u.test(name)) {
    throw new AppError(
      'unsupported',
      `build context "${name}": not a valid name of a build stage; use lower-case letters, digits, ., _ and -`,
    );
  }
  const [, scheme, rest = ''] =
    /^(docker-image:\/\/|service:|[a-z+-]+:\/\/|git@)(.*)$/u.exec(value) ?? [];
  if (scheme === undefined) return { kind: 'folder', name, path: resolve(options.folder, value) };
  if (scheme === 'docker-image://') return { kind: 'image', name, image: rest };
  if (scheme === 'service:') return { kind: 'image', name, image: options.imageOfService(rest) };
  throw new AppError(
    'unsupported',
    `build context "${name}": "${value}" is not supported; use a directory, docker-image://IMAGE or service:NAME`,
  );
}

/** Path of a named context's files inside the context that is sent. */
export function folderOf(name: string): string {
  return `.shoal-context/${name}`;
}

/**
 * Returns the Dockerfile with a stage for each named context before its own stages; references to
 * stages by number are shifted. The Engine API has no parameter for named contexts.
 */
export function withNamedContexts(dockerfile: string, contexts: readonly NamedContext[]): string {
  if (contexts.length === 0) return dockerfile;
  const stages = contexts.flatMap((context) =>
    context.kind === 'image'
      ? [`FROM ${context.image} AS ${context.name}`]
      : [`FROM scratch AS ${context.name}`, `COPY ${folderOf(context.name)}/ /`],
  );
  const lines = dockerfile.split('\n');
  const first = lines.findIndex((line) => /^\s*FROM\s/iu.test(line));
  if (first < 0) return dockerfile;
  const shift = (text: string): string =>
    text.replaceAll(/((?:--from|[,=]from)=)(\d+)\b/gu, (_all, flag: string, stage: string) => {
      return `${flag}${String(Number(stage) + contexts.length)}`;
    });
  return [...lines.slice(0, first), ...stages, ...lines.slice(first).map(shift)].join('\n');
}
