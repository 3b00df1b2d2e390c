import { createHash, scryptSync } from 'node:crypto';
import { posix } from 'node:path';
import type { FileMount } from '../../../manager/common/model/container.js';
import type { DataInput } from '../../../manager/common/protocol/control.js';
import type { FileReference, Project, Service } from '../model.js';
import type { FileObject } from '../model-resources.js';
import { refusal } from './refuse.js';

/** Contents of secrets and configs by `secrets/KEY` and `configs/KEY`; external ones have none. */
export type Contents = ReadonlyMap<string, Uint8Array>;

type Kind = 'secrets' | 'configs';

export function toDataInputs(project: Project, kind: Kind, contents: Contents): DataInput[] {
  return Object.entries(project[kind])
    .filter(([, object]) => object.external !== true)
    .map(([key, object]) => {
      for (const refused of ['driver', 'driver_opts', 'template_driver'] as const) {
        if (object[refused] === undefined) continue;
        throw refusal(
          project,
          [kind, key, refused],
          'is not supported, give the content by file or environment',
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
 * The name carries a hash of the content: changed content is another object, and rolls its users. Names are
 * shown and stored in the clear, so a secret's hash is slow: short ones could be guessed from a fast one.
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

/** Each is named where it is stored and where it is used. */
const names = new WeakMap<
  Uint8Array,
  { readonly kind: Kind; readonly object: FileObject; readonly name: string }
>();

export function toFileMounts(project: Project, service: Service, contents: Contents): FileMount[] {
  const mount = (kind: Kind, reference: FileReference): FileMount => {
    const object = project[kind][reference.source] ?? { name: reference.source, external: true };
    const content = contents.get(`${kind}/${reference.source}`) ?? new Uint8Array();
    return {
      kind: kind === 'secrets' ? 'secret' : 'config',
      source: object.external === true ? object.name : nameOf(kind, object, content),
      target: targetOf(kind, reference),
      uid: reference.uid ?? '0',
      gid: reference.gid ?? '0',
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
