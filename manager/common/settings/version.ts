import type { Decoder, Fields } from '../base/decode.js';
import { decode, decodeJson, fields } from '../base/decode.js';
import { AppError } from '../base/errors.js';

/** Converts the fields of one version to those of the next. */
export type Migration = (old: Fields) => Fields;

/** Version of a settings file; files without the field are of version 1. */
function versionOf({ version = 1 }: Fields, path: string, current: number): number {
  if (typeof version !== 'number' || !Number.isSafeInteger(version) || version < 1) {
    throw new AppError('invalid', `${path}: version must be a positive integer`);
  }
  if (version <= current) return version;
  throw new AppError(
    'invalid',
    `${path}: version ${version} is newer than this program reads (up to ${current}); use the shoal that wrote the file, or provision the machine again with this one`,
  );
}

/** A settings file: its schema, and the migrations from version 1, 2 … to the current version. */
export interface SettingsFormat<Settings> {
  readonly schema: Decoder<Settings>;
  readonly migrations: readonly Migration[];
}

/** Decodes a settings file of any version up to the current one. Throws `invalid`. */
export function decodeSettings<Settings>(
  { schema, migrations }: SettingsFormat<Settings>,
  text: string,
  path: string,
): Settings {
  const found = decodeJson(text, fields, path);
  const version = versionOf(found, path, migrations.length + 1);
  const migrated = migrations.slice(version - 1).reduce((old, migrate) => migrate(old), found);
  const { version: _version, ...rest } = migrated;
  return decode(rest, schema, path);
}

/** Text of a settings file in the current version. */
export function encodeSettings(
  { migrations }: Pick<SettingsFormat<unknown>, 'migrations'>,
  settings: object,
): string {
  return `${JSON.stringify({ version: migrations.length + 1, ...settings }, undefined, 2)}\n`;
}
