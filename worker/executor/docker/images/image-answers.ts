import {
  anything,
  array,
  count,
  dictionary,
  mapped,
  nonEmptyString,
  number,
  object,
  optionalOrNull,
  orElse,
  string,
  type Decoder,
} from '../../../../manager/common/base/decode.js';

/** The fields of `GET /images/{name}/json` that are used here. */
export interface InspectedImage {
  readonly Id: string;
  readonly RepoDigests: readonly string[];
  readonly Os: string;
  readonly Architecture: string;
  readonly Variant: string;
  readonly Size: number;
  readonly Created: string;
  readonly RootFS: { readonly Layers: readonly string[] };
  readonly Config: ImageConfig;
  readonly Metadata?: { readonly LastTagTime?: string };
}

interface ImageConfig {
  readonly Healthcheck?: { readonly Test?: readonly string[] };
  readonly Entrypoint: readonly string[];
  readonly Cmd: readonly string[];
  readonly User: string;
  /** Paths of `VOLUME` instructions as keys. */
  readonly Volumes: Readonly<Record<string, unknown>>;
}

/** A command line; older images store one string. */
const commandLine: Decoder<readonly string[]> = (value, at) => {
  if (value === undefined || value === null) return [];
  return typeof value === 'string' ? [value] : array(string)(value, at);
};

const text = orElse(string, '');
const noConfig: ImageConfig = { Entrypoint: [], Cmd: [], User: '', Volumes: {} };

export const inspectedImage = object<InspectedImage>({
  Id: nonEmptyString,
  RepoDigests: orElse(array(string), []),
  Os: text,
  Architecture: text,
  Variant: text,
  Size: orElse(count, 0),
  Created: text,
  RootFS: orElse(object<InspectedImage['RootFS']>({ Layers: orElse(array(string), []) }), {
    Layers: [],
  }),
  Config: orElse(
    object<ImageConfig>({
      Healthcheck: optionalOrNull(
        object<{ readonly Test?: readonly string[] }>({ Test: optionalOrNull(array(string)) }),
      ),
      Entrypoint: commandLine,
      Cmd: commandLine,
      User: text,
      Volumes: orElse<ImageConfig['Volumes']>(dictionary(anything), {}),
    }),
    noConfig,
  ),
  Metadata: optionalOrNull(
    object<{ readonly LastTagTime?: string }>({ LastTagTime: optionalOrNull(string) }),
  ),
});

/** A line of the progress of a pull or load. */
export interface ProgressLine {
  readonly status?: string;
  /** The engine's message in words, of a load. */
  readonly stream?: string;
  readonly id?: string;
  readonly error?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

export const progressLine = object<ProgressLine>({
  status: optionalOrNull(string),
  stream: optionalOrNull(string),
  id: optionalOrNull(string),
  error: optionalOrNull(string),
  progressDetail: optionalOrNull(
    object<NonNullable<ProgressLine['progressDetail']>>({
      current: optionalOrNull(number),
      total: optionalOrNull(number),
    }),
  ),
});

/** The digest of `GET /distribution/{name}/json`. */
export const distributionDigest: Decoder<string> = mapped(
  object<{ readonly Descriptor: { readonly digest: string } }>({
    Descriptor: object<{ readonly digest: string }>({ digest: nonEmptyString }),
  }),
  ({ Descriptor }) => Descriptor.digest,
);

/** The image id of `POST /commit`. */
export const committedId: Decoder<string> = mapped(
  object<{ readonly Id: string }>({ Id: nonEmptyString }),
  ({ Id }) => Id,
);
