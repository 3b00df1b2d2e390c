import { ComposeError } from '../error.js';
import { resolvePosition, setKeyFinder, type Source } from './tree.js';
import { Builder, type YamlDocument } from './yaml-builder.js';
import { parseYamlEvents, keyFinder } from './yaml-events.js';

/** Limit of the file size; parsing a file of this size takes about a second. */
const maxCharacters = 8 * 1024 * 1024;

/**
 * Parses all documents of a file with Compose's scalar rules. Expands aliases, applies merge keys,
 * refuses duplicate and non-string keys. Throws ComposeError with the place.
 */
export function parseYaml(source: Source): YamlDocument[] {
  if (source.text.length > maxCharacters) {
    throw new ComposeError('file is larger than 8 MiB; split it with include or several -f', {
      place: { file: source.file, line: 0, column: 0 },
    });
  }
  if (source.invalidAt !== undefined) {
    throw new ComposeError('yaml: invalid UTF-8; save the file as UTF-8', {
      place: resolvePosition({ source, offset: source.invalidAt }),
    });
  }
  const builder = new Builder(source, parseYamlEvents(source));
  setKeyFinder(source, keyFinder(source));
  return builder.documents();
}

/** Parsed documents that no caller has taken yet; parsing is half of the work of loading. */
const kept = new WeakMap<Source, YamlDocument[]>();

/** Returns the documents of a file for reading only. */
export function peekDocuments(source: Source): readonly YamlDocument[] {
  const documents = kept.get(source) ?? parseYaml(source);
  kept.set(source, documents);
  return documents;
}

/** Returns the documents of a file to a caller that modifies them. */
export function takeDocuments(source: Source): YamlDocument[] {
  const documents = kept.get(source) ?? parseYaml(source);
  kept.delete(source);
  return documents;
}
