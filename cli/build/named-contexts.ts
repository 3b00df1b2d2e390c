import { resolve } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';

/** A context that a Dockerfile names beside its own: files, or another image. */
export type NamedContext =
  | { readonly kind: 'folder'; readonly name: string; readonly path: string }
  | { readonly kind: 'image'; readonly name: string; readonly image: string };

/** Reads one of `additional_contexts`; `imageOfService` gives the image that another service is built as. */
export function parseNamedContext(
  name: string,
  value: string,
  around: { readonly folder: string; readonly imageOfService: (key: string) => string },
): NamedContext {
  if (!/^[a-z][a-z0-9._-]*$/u.test(name)) {
    throw new AppError('unsupported', `"${name}" cannot be the name of a build stage`);
  }
  const [, scheme, rest = ''] =
    /^(docker-image:\/\/|service:|[a-z+-]+:\/\/|git@)(.*)$/u.exec(value) ?? [];
  if (scheme === undefined) return { kind: 'folder', name, path: resolve(around.folder, value) };
  if (scheme === 'docker-image://') return { kind: 'image', name, image: rest };
  if (scheme === 'service:') return { kind: 'image', name, image: around.imageOfService(rest) };
  throw new AppError('unsupported', `"${value}" is no folder, docker-image:// or service:`);
}

/** Where the files of a named context are in the context that is sent. */
export function folderOf(name: string): string {
  return `.shoal-context/${name}`;
}

/**
 * The Dockerfile with a stage for each named context before its own. Every engine understands that, while
 * the Engine API has no way to name contexts. Stages named by number move up.
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
