import { createHash, scryptSync } from 'node:crypto';
import { posix } from 'node:path';
import type { FileMount } from '../../../manager/common/model/container.js';
import type { DataInput } from '../../../manager/common/protocol/project-calls.js';
import type { FileReference, Project, ComposeService } from '../model.js';
import type { FileObject } from '../model-resources.js';
import { specError } from './spec-error.js';

/**
 * Contents of secrets and configs by `secrets/KEY` and `configs/KEY`; external ones have no entry.
 */
export type Contents = ReadonlyMap<string, Uint8Array>;

type Kind = 'secrets' | 'configs';

export function toDataInputs(project: Project, kind: Kind, contents: Contents): DataInput[] {
  return Object.entries(project[kind])
    .filter(([, object]) => object.external !== true)
    .map(([key, object]) => {
      for (const refused of ['driver', 'driver_opts', 'template_driver'] as const) {
        if (object[refused] === undefined) continue;
        throw specError(
          project,
          [kind, key, refused],
          'is not supported; set the content with file or environment',
        );
      }
      const content = contents.get(`${kind}/${key}`) ?? new Uint8Array();
      return {
        spec: {
          name: nameOf(kind, object, content),
          project: project.name,
          key,
          labels: object.labels ?? {},
        },
        data: Buffer.from(content).toString('base64'),
      };
    });
}

/**
 * Returns the object's name with a hash of its content: changed content creates a new object and
 * updates the services that use it. Names are not encrypted, so secrets use a slow hash (scrypt): a
 * fast one would allow guessing short secrets.
 */
function nameOf(kind: Kind, object: FileObject, content: Uint8Array): string {
  const known = names.get(content);
  if (known?.kind === kind && known.object === object) return known.name;
  const hash =
    kind === 'secrets'
      ? scryptSync(content, `shoal ${object.name}`, 6).toString('hex')
      : createHash('sha256').update(content).digest('hex').slice(0, 12);
  const name = `${object.name}-${hash}`;
  names.set(content, { kind, object, name });
  return name;
}

/** Cache of names: each is computed for the object and for every service that uses it. */
const names = new WeakMap<
  Uint8Array,
  { readonly kind: Kind; readonly object: FileObject; readonly name: string }
>();

export function toFileMounts(
  project: Project,
  service: ComposeService,
  contents: Contents,
): FileMount[] {
  const mount = (kind: Kind, reference: FileReference): FileMount => {
    const object = project[kind][reference.source] ?? { name: reference.source, external: true };
    const content = contents.get(`${kind}/${reference.source}`) ?? new Uint8Array();
    return {
      kind: kind === 'secrets' ? 'secret' : 'config',
      source: object.external === true ? object.name : nameOf(kind, object, content),
      target: targetOf(kind, reference),
      uid: reference.uid ?? '',
      gid: reference.gid ?? '',
      mode: parseInt(reference.mode ?? '0444', 8),
    };
  };
  return [
    ...(service.secrets ?? []).map((reference) => mount('secrets', reference)),
    ...(service.configs ?? []).map((reference) => mount('configs', reference)),
  ];
}

function targetOf(kind: Kind, { source, target = source }: FileReference): string {
  return posix.resolve(kind === 'secrets' ? '/run/secrets' : '/', target);
}
