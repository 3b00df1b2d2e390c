import { ComposeError } from '../error.js';
import { setKeyFinder, type Source } from './tree.js';
import { Builder, type YamlDocument } from './yaml-builder.js';
import { eventsOf, keyFinder } from './yaml-events.js';

/** Larger files are no work of a person; parsing one of this size takes about a second. */
const maxCharacters = 8 * 1024 * 1024;

/**
 * Parses all documents of a file with Compose's scalar rules. Aliases are written out, merge keys are
 * applied, duplicate and non-string keys refused. Throws ComposeError with the place.
 */
export function parseYaml(source: Source): YamlDocument[] {
  if (source.text.length > maxCharacters) {
    throw new ComposeError('file is larger than 8 MiB, split it up with include or several -f', {
      place: { file: source.file, line: 0, column: 0 },
    });
  }
  const builder = new Builder(source, eventsOf(source));
  setKeyFinder(source, keyFinder(source));
  return builder.documents();
}

/** Documents that were looked at and not yet used up; parsing is half of the work of loading. */
const kept = new WeakMap<Source, YamlDocument[]>();

/** The documents of a file for reading only. */
export function peekDocuments(source: Source): readonly YamlDocument[] {
  const documents = kept.get(source) ?? parseYaml(source);
  kept.set(source, documents);
  return documents;
}

/** The documents of a file for the caller to change. */
export function takeDocuments(source: Source): YamlDocument[] {
  const documents = kept.get(source) ?? parseYaml(source);
  kept.delete(source);
  return documents;
}
