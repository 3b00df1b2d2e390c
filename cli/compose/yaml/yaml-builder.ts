import { EVENT_ID, getScalarValue, SCALAR_STYLE } from 'js-yaml';
import type { AliasEvent, Event, MappingEvent, ScalarEvent, SequenceEvent } from 'js-yaml';
import { ComposeError } from '../error.js';
import { resolvePlain } from './scalar.js';
import {
  isList,
  isMap,
  newList,
  newMap,
  pathText,
  resolvePosition,
  putWithMark,
  setMark,
  type SourceMark,
  type Path,
  type Source,
  type Tree,
  type TreeMap,
} from './tree.js';
import { maxDepth, offsetOf, type NodeEvent } from './yaml-events.js';

/** One document of a file, with the paths marked by `!reset` and `!override`. */
export interface YamlDocument {
  readonly root: Tree;
  readonly resets: readonly Path[];
  /** Warnings about tags that Compose does not know. */
  readonly unknownTags: readonly string[];
}

/** Limit against exponential aliases; that many nodes take a quarter of a second. */
const maxAliasNodes = 250_000;

const knownTags = new Set(['', '!', 'str', 'int', 'float', 'bool', 'null', 'seq', 'map', 'merge']);

/** Builds the trees of a file from its YAML events. */
export class Builder {
  readonly #source: Source;
  readonly #events: readonly Event[];
  /** Maps each alias event to the index of its target, by the anchors defined up to that point. */
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
          `yaml: alias *${name} has no preceding anchor &${name}; define it`,
        );
      }
      this.#targets.set(event, target);
    });
  }

  #next(): Event {
    const event = this.#events[this.#at];
    if (event === undefined) throw new ComposeError('yaml: unexpected end of document');
    this.#at += 1;
    return event;
  }

  /**
   * Builds the node at the cursor and advances. `!reset` and `!override` inside a list record no
   * path.
   */
  #build(path: Path, inList: boolean, depth: number): Tree | typeof dropped {
    const index = this.#at;
    const event = this.#next() as NodeEvent;
    if (this.#aliasDepth > 0) this.#countAliasNode(event);
    if (depth > maxDepth)
      throw this.#error(
        offsetOf(event),
        'yaml: nested more than 100 levels deep; flatten the file',
      );
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
      throw this.#error(offsetOf(event), 'yaml: anchor contains itself; remove the alias');
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
    throw this.#error(
      offsetOf(event),
      'yaml: aliases expand to more than 250000 nodes; use fewer aliases',
    );
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
        const line = resolvePosition(this.#mark(earlier))?.line ?? 0;
        throw this.#error(offset, `key is already set on line ${String(line)}; remove one`, [
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
        if (!(key in map)) putWithMark(map, key, merge[key] as Tree, merge);
    }
    return map;
  }

  #merged(value: Tree, offset: number): TreeMap[] {
    if (isMap(value)) return [value];
    if (isList(value) && value.every(isMap)) return value;
    throw this.#error(offset, 'yaml: value of << must be a mapping or a list of mappings');
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
    if (value === '__proto__') {
      throw this.#error(offsetOf(event), 'key __proto__ is not allowed; choose another name', path);
    }
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
      throw this.#error(event.valueStart, 'yaml: control characters are not allowed; remove them');
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
      throw this.#error(event.valueStart, 'yaml: value of !!binary must be base64');
    }
    return Buffer.from(packed, 'base64').toString('utf8');
  }

  /**
   * Returns the tag without `!!`; other tags keep their `!`. Records a warning for unknown tags.
   */
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
        `${placeText(this.#mark(event.tagStart))}: tag ${raw} has no meaning here and is ignored; remove it`,
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

  #mark(offset: number): SourceMark {
    return { source: this.#source, offset };
  }

  #error(offset: number, message: string, path: Path = []): ComposeError {
    return new ComposeError(message, {
      place: resolvePosition(this.#mark(offset)),
      path: pathText(path),
    });
  }
}

/** Result of a `!reset` node: no value, as opposed to null. */
const dropped = Symbol('dropped');

function placeText(mark: SourceMark): string {
  const place = resolvePosition(mark);
  return place === undefined ? '' : `${place.file}:${String(place.line)}:${String(place.column)}`;
}
