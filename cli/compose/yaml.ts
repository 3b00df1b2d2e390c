import {
  DEFAULT_SCALAR_STYLE_RULES,
  dump,
  EVENT_ID,
  getScalarValue,
  parseEvents,
  SCALAR_STYLE,
  strTag,
  YAMLException,
} from 'js-yaml';
import type {
  AliasEvent,
  Event,
  MappingEvent,
  ScalarEvent,
  ScalarStyleRule,
  SequenceEvent,
} from 'js-yaml';
import { ComposeError } from './error.js';
import { resolvePlain } from './scalar.js';
import {
  isList,
  isMap,
  newList,
  newMap,
  pathText,
  placeOf,
  put,
  setKeyFinder,
  setMark,
  type KeyFinder,
  type Mark,
  type Path,
  type Source,
  type Tree,
  type TreeMap,
} from './tree.js';

/** One document of a file, and the paths that `!reset` and `!override` stand on. */
export interface YamlDocument {
  readonly root: Tree;
  readonly resets: readonly Path[];
  /** Tags that mean nothing to Compose, for a warning. */
  readonly unknownTags: readonly string[];
}

/** Generous for any file written by a person, small enough that no input takes a second or 300 MB. */
const maxCharacters = 8 * 1024 * 1024;
const maxDepth = 100;
const maxAliasNodes = 250_000;

type NodeEvent = ScalarEvent | MappingEvent | SequenceEvent | AliasEvent;

const knownTags = new Set(['', '!', 'str', 'int', 'float', 'bool', 'null', 'seq', 'map', 'merge']);

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

/** YAML text of plain data, keys in the order given, as `config` prints it. */
export function printYaml(value: unknown): string {
  return dump(value, {
    noRefs: true,
    lineWidth: -1,
    scalarStyleRules: [quoteAmbiguous, ...Object.values(DEFAULT_SCALAR_STYLE_RULES)],
  });
}

/** Text that some reader of YAML would take for a number, a boolean or nothing is quoted twice. */
const quoteAmbiguous: ScalarStyleRule = (layout) => {
  const { tag, value } = layout.node;
  if (tag !== strTag.tagName) return;
  const other =
    resolvePlain(value) !== value ||
    /^(y|n|yes|no|on|off)$/i.test(value) ||
    /^[-+]?\d+(:[0-5]?\d)+$/.test(value);
  if (other && layout.style === SCALAR_STYLE.PLAIN) layout.style = SCALAR_STYLE.DOUBLE_QUOTED;
};

function eventsOf(source: Source): Event[] {
  try {
    return parseEvents(source.text, { maxDepth });
  } catch (error) {
    if (!(error instanceof YAMLException)) throw error;
    const offset = error.mark?.position ?? 0;
    throw new ComposeError(`yaml: ${error.reason}`, {
      place: placeOf({ source, offset }),
      cause: error,
    });
  }
}

/** Finds keys by reading the events again, which happens only when there is something to complain about. */
function keyFinder(source: Source): KeyFinder {
  let offsets: Map<number, Map<string | number, number>> | undefined;
  return (container, key) => {
    offsets ??= offsetsOf(source);
    return offsets.get(container)?.get(key);
  };
}

interface OpenContainer {
  readonly keys: Map<string | number, number>;
  readonly isMap: boolean;
  /** Nodes seen in it so far. */
  count: number;
  key: string;
}

function offsetsOf(source: Source): Map<number, Map<string | number, number>> {
  const offsets = new Map<number, Map<string | number, number>>();
  const open: OpenContainer[] = [];
  for (const event of eventsOf(source)) {
    if (event.type === EVENT_ID.POP) open.pop();
    else if (event.type === EVENT_ID.DOCUMENT)
      open.push({ keys: new Map(), isMap: false, count: 0, key: '' });
    else {
      const parent = open.at(-1);
      if (parent !== undefined) noteNode(source, parent, event);
      if (event.type !== EVENT_ID.MAPPING && event.type !== EVENT_ID.SEQUENCE) continue;
      const keys = new Map<string | number, number>();
      offsets.set(event.start, keys);
      open.push({ keys, isMap: event.type === EVENT_ID.MAPPING, count: 0, key: '' });
    }
  }
  return offsets;
}

/** A key of a mapping, every other node in it, or an item of a list. */
function noteNode(source: Source, parent: OpenContainer, event: NodeEvent): void {
  const index = parent.count;
  parent.count += 1;
  if (!parent.isMap) parent.keys.set(index, offsetOf(event));
  else if (index % 2 === 0 && event.type === EVENT_ID.SCALAR) {
    parent.keys.set(getScalarValue(source.text, event), offsetOf(event));
  }
}

class Builder {
  readonly #source: Source;
  readonly #events: readonly Event[];
  /** Alias event → index of the event it stands for, as anchors were defined at that point. */
  readonly #targets = new Map<Event, number>();
  readonly #open = new Set<number>();
  #resets: Path[] = [];
  #unknownTags: string[] = [];
  #aliasDepth = 0;
  #aliasNodes = 0;
  #at = 0;

  constructor(source: Source, events: readonly Event[]) {
    this.#source = source;
    this.#events = events;
  }

  documents(): YamlDocument[] {
    this.#resolveAliases();
    const documents: YamlDocument[] = [];
    while (this.#at < this.#events.length) {
      const event = this.#next();
      if (event.type !== EVENT_ID.DOCUMENT) continue;
      this.#resets = [];
      this.#unknownTags = [];
      const upcoming = this.#events[this.#at];
      if (upcoming === undefined || upcoming.type === EVENT_ID.POP) continue;
      const root = this.#build([], false, 0);
      documents.push({
        root: root === dropped ? null : root,
        resets: this.#resets,
        unknownTags: this.#unknownTags,
      });
    }
    return documents;
  }

  #resolveAliases(): void {
    const anchors = new Map<string, number>();
    this.#events.forEach((event, index) => {
      if (event.type === EVENT_ID.DOCUMENT) anchors.clear();
      if (event.type === EVENT_ID.DOCUMENT || event.type === EVENT_ID.POP) return;
      if (event.anchorEnd <= event.anchorStart || event.anchorStart < 0) return;
      const name = this.#source.text.slice(event.anchorStart, event.anchorEnd);
      if (event.type !== EVENT_ID.ALIAS) {
        anchors.set(name, index);
        return;
      }
      const target = anchors.get(name);
      if (target === undefined) {
        throw this.#error(
          event.anchorStart,
          `yaml: alias *${name} has no anchor &${name} above it`,
        );
      }
      this.#targets.set(event, target);
    });
  }

  #next(): Event {
    const event = this.#events[this.#at];
    if (event === undefined) throw new ComposeError('yaml: document ends early');
    this.#at += 1;
    return event;
  }

  /** Builds the node at the cursor and moves past it. `path` undefined: inside a list, not resettable. */
  #build(path: Path, inList: boolean, depth: number): Tree | typeof dropped {
    const index = this.#at;
    const event = this.#next() as NodeEvent;
    if (this.#aliasDepth > 0) this.#countAliasNode(event);
    if (depth > maxDepth) throw this.#error(offsetOf(event), 'yaml: nested more than 100 deep');
    if (event.type === EVENT_ID.ALIAS) return this.#buildAlias(event, path, inList, depth);
    const tag = this.#tagOf(event);
    if (tag === '!reset' || tag === '!override') {
      if (!inList) this.#resets.push(path);
      if (tag === '!reset') {
        this.#skip(event);
        return dropped;
      }
    }
    this.#open.add(index);
    const built =
      event.type === EVENT_ID.SCALAR
        ? this.#scalar(event, tag)
        : event.type === EVENT_ID.SEQUENCE
          ? this.#list(event, path, depth)
          : this.#map(event, path, inList, depth);
    this.#open.delete(index);
    return built;
  }

  #buildAlias(
    event: AliasEvent,
    path: Path,
    inList: boolean,
    depth: number,
  ): Tree | typeof dropped {
    const target = this.#targets.get(event) ?? 0;
    if (this.#open.has(target)) {
      throw this.#error(event.anchorStart, 'yaml: anchor contains itself');
    }
    const back = this.#at;
    this.#at = target;
    this.#aliasDepth += 1;
    const built = this.#build(path, inList, depth);
    this.#aliasDepth -= 1;
    this.#at = back;
    return built;
  }

  #countAliasNode(event: NodeEvent): void {
    this.#aliasNodes += 1;
    if (this.#aliasNodes <= maxAliasNodes) return;
    throw this.#error(offsetOf(event), 'yaml: aliases expand to more than 250000 nodes');
  }

  #list(event: SequenceEvent, path: Path, depth: number): Tree {
    const list = newList(this.#mark(event.start));
    let written = 0;
    while (!this.#atPop()) {
      const mark = { ...this.#mark(event.start), key: written };
      written += 1;
      const item = this.#build([...path, list.length], true, depth + 1);
      if (item === dropped) continue;
      if (written !== list.length + 1) setMark(list, list.length, mark);
      list.push(item);
    }
    return list;
  }

  #map(event: MappingEvent, path: Path, inList: boolean, depth: number): Tree {
    const map = newMap(this.#mark(event.start));
    const seen = new Map<string, number>();
    const merges: TreeMap[] = [];
    while (!this.#atPop()) {
      const keyEvent = this.#next() as NodeEvent;
      const offset = offsetOf(keyEvent);
      const key = this.#key(keyEvent, path);
      const earlier = seen.get(key);
      if (earlier !== undefined) {
        const line = placeOf(this.#mark(earlier))?.line ?? 0;
        throw this.#error(offset, `key is already set on line ${String(line)}, remove one`, [
          ...path,
          key,
        ]);
      }
      seen.set(key, offset);
      if (this.#isMergeKey(keyEvent)) {
        const value = this.#build(path, inList, depth + 1);
        if (value !== dropped) merges.push(...this.#merged(value, offset));
        continue;
      }
      const value = this.#build([...path, key], inList, depth + 1);
      if (value === dropped) continue;
      map[key] = value;
    }
    for (const merge of merges) {
      for (const key of Object.keys(merge))
        if (!(key in map)) put(map, key, merge[key] as Tree, merge);
    }
    return map;
  }

  #merged(value: Tree, offset: number): TreeMap[] {
    if (isMap(value)) return [value];
    if (isList(value) && value.every(isMap)) return value;
    throw this.#error(offset, 'yaml: << takes a mapping or a list of mappings');
  }

  #isMergeKey(event: NodeEvent): boolean {
    if (event.type !== EVENT_ID.SCALAR || event.style !== SCALAR_STYLE.PLAIN) return false;
    return getScalarValue(this.#source.text, event) === '<<';
  }

  #key(event: NodeEvent, path: Path): string {
    const target =
      event.type === EVENT_ID.ALIAS ? this.#events[this.#targets.get(event) ?? 0] : event;
    if (target?.type !== EVENT_ID.SCALAR) {
      throw this.#error(offsetOf(event), 'key must be a string, not a list or a mapping', path);
    }
    const value = this.#scalar(target, this.#tagOf(target));
    if (typeof value === 'string') return value;
    const text = getScalarValue(this.#source.text, target);
    const shown = text === '' ? 'an empty key' : text;
    throw this.#error(
      offsetOf(event),
      `key must be a string: write "${text}" instead of ${shown}`,
      path,
    );
  }

  #scalar(event: ScalarEvent, tag: string): Tree {
    const text = getScalarValue(this.#source.text, event);
    if (text.includes('\u0000'))
      throw this.#error(event.valueStart, 'yaml: control characters are not allowed');
    if (tag === '' && event.style === SCALAR_STYLE.PLAIN) return resolvePlain(text);
    if (tag === 'binary') return this.#binary(event, text);
    if (!['int', 'float', 'bool', 'null'].includes(tag)) return text;
    const value = resolvePlain(text);
    const fits =
      tag === 'null'
        ? value === null
        : tag === 'bool'
          ? typeof value === 'boolean'
          : typeof value === 'number' ||
            typeof value === 'bigint' ||
            (tag === 'float' && typeof value === 'object');
    if (!fits) throw this.#error(event.valueStart, `yaml: "${text}" is not of type !!${tag}`);
    return value;
  }

  #binary(event: ScalarEvent, text: string): string {
    const packed = text.replace(/\s+/g, '');
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(packed) || packed.length % 4 !== 0) {
      throw this.#error(event.valueStart, 'yaml: !!binary takes base64');
    }
    return Buffer.from(packed, 'base64').toString('utf8');
  }

  /** The tag without `!!`; other tags keep their `!`, and unknown ones count as none on a collection. */
  #tagOf(event: ScalarEvent | MappingEvent | SequenceEvent): string {
    if (event.tagEnd <= event.tagStart || event.tagStart < 0) return '';
    const raw = this.#source.text.slice(event.tagStart, event.tagEnd);
    const name = raw.startsWith('!!')
      ? raw.slice(2)
      : raw.startsWith('!<tag:yaml.org,2002:')
        ? raw.slice('!<tag:yaml.org,2002:'.length, -1)
        : raw;
    if (!knownTags.has(name) && !['binary', '!reset', '!override'].includes(name)) {
      this.#unknownTags.push(
        `${placeText(this.#mark(event.tagStart))}: tag ${raw} has no meaning here, it is ignored`,
      );
    }
    return name;
  }

  #skip(event: NodeEvent): void {
    if (event.type !== EVENT_ID.MAPPING && event.type !== EVENT_ID.SEQUENCE) return;
    for (let open = 1; open > 0;) {
      const next = this.#next();
      if (next.type === EVENT_ID.POP) open -= 1;
      else if (next.type === EVENT_ID.MAPPING || next.type === EVENT_ID.SEQUENCE) open += 1;
    }
  }

  #atPop(): boolean {
    const event = this.#events[this.#at];
    if (event !== undefined && event.type !== EVENT_ID.POP) return false;
    this.#at += 1;
    return true;
  }

  #mark(offset: number): Mark {
    return { source: this.#source, offset };
  }

  #error(offset: number, message: string, path: Path = []): ComposeError {
    return new ComposeError(message, { place: placeOf(this.#mark(offset)), path: pathText(path) });
  }
}

/** What a `!reset` leaves: nothing, not even null. */
const dropped = Symbol('dropped');

function offsetOf(event: NodeEvent): number {
  // An empty scalar stands nowhere; its key does.
  if (event.type === EVENT_ID.SCALAR) return Math.max(event.valueStart, 0);
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1;
  return event.start;
}

function placeText(mark: Mark): string {
  const place = placeOf(mark);
  return place === undefined ? '' : `${place.file}:${String(place.line)}:${String(place.column)}`;
}
