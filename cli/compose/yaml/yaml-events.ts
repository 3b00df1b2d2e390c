import { EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE, YAMLException } from 'js-yaml';
import type { AliasEvent, Event, MappingEvent, ScalarEvent, SequenceEvent } from 'js-yaml';
import { ComposeError } from '../error.js';
import { indentFlowLines } from './flow-indent.js';
import { resolvePosition, type KeyFinder, type Source } from './tree.js';

export type NodeEvent = ScalarEvent | MappingEvent | SequenceEvent | AliasEvent;

/** Maximum nesting depth of the text, and of the tree after the expansion of aliases. */
export const maxDepth = 100;

/**
 * Parses a file to YAML events with offsets. Lines inside flow collections and quoted scalars may
 * have any indentation, as for libyaml. Throws ComposeError.
 */
export function parseYamlEvents(source: Source): Event[] {
  const parsed = tryParse(source.text);
  if (!(parsed instanceof YAMLException)) return parsed;
  if (parsed.reason !== 'deficient indentation') throw yamlError(source, parsed);
  const indented = indentFlowLines(source.text);
  if (indented === undefined) throw yamlError(source, parsed);
  const events = tryParse(indented.text);
  if (events instanceof YAMLException) throw yamlError(source, events, indented.originalOffset);
  for (const event of events) moveOffsets(event, indented.originalOffset);
  return events;
}

function tryParse(text: string): Event[] | YAMLException {
  try {
    return parseEvents(text, { maxDepth });
  } catch (error) {
    if (error instanceof YAMLException) return error;
    throw error;
  }
}

function yamlError(
  source: Source,
  cause: YAMLException,
  originalOffset: (offset: number) => number = (offset) => offset,
): ComposeError {
  const offset = originalOffset(cause.mark?.position ?? 0);
  return new ComposeError(`yaml: ${cause.reason}`, {
    place: resolvePosition({ source, offset }),
    cause,
  });
}

/** Moves the offsets of an event from the indented text to the original; -1 means none. */
function moveOffsets(event: Event, originalOffset: (offset: number) => number): void {
  const move = (offset: number): number => (offset < 0 ? offset : originalOffset(offset));
  if (event.type === EVENT_ID.DOCUMENT || event.type === EVENT_ID.POP) return;
  event.anchorStart = move(event.anchorStart);
  event.anchorEnd = move(event.anchorEnd);
  if (event.type === EVENT_ID.ALIAS) return;
  event.tagStart = move(event.tagStart);
  event.tagEnd = move(event.tagEnd);
  if (event.type === EVENT_ID.SCALAR) {
    event.valueStart = move(event.valueStart);
    event.valueEnd = move(event.valueEnd);
  } else event.start = move(event.start);
}

export function offsetOf(event: NodeEvent): number {
  // An empty scalar has no text of its own; its key has an offset.
  if (event.type === EVENT_ID.SCALAR) {
    const quoted =
      event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
    return Math.max(quoted ? event.valueStart - 1 : event.valueStart, 0);
  }
  if (event.type === EVENT_ID.ALIAS) return event.anchorStart - 1;
  return event.start;
}

/** Creates a finder that parses the events again on first use, which only error messages need. */
export function keyFinder(source: Source): KeyFinder {
  let offsets: Map<number, Map<string | number, number>> | undefined;
  return (container, key) => {
    offsets ??= offsetsOf(source);
    return offsets.get(container)?.get(key);
  };
}

interface OpenContainer {
  readonly keys: Map<string | number, number>;
  readonly isMap: boolean;
  /** Number of nodes seen in the container so far. */
  count: number;
  key: string;
}

function offsetsOf(source: Source): Map<number, Map<string | number, number>> {
  const offsets = new Map<number, Map<string | number, number>>();
  const open: OpenContainer[] = [];
  for (const event of parseYamlEvents(source)) {
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

/** Records the offset of a key (every second node of a mapping) or of a list item. */
function noteNode(source: Source, parent: OpenContainer, event: NodeEvent): void {
  const index = parent.count;
  parent.count += 1;
  if (!parent.isMap) parent.keys.set(index, offsetOf(event));
  else if (index % 2 === 0 && event.type === EVENT_ID.SCALAR) {
    parent.keys.set(getScalarValue(source.text, event), offsetOf(event));
  }
}
