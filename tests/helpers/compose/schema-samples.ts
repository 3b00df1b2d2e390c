/** A key of a JSON schema with an allowed value, in a document that has nothing else. */
export interface Sample {
  /** For example `services.deploy.mode`, without the names of map entries and list indexes. */
  readonly key: string;
  /** Location in the document. */
  readonly path: readonly (string | number)[];
  readonly value: unknown;
  /** The enclosing maps, outermost first. */
  readonly trail: readonly { readonly key: string; readonly path: readonly (string | number)[] }[];
}

export interface SchemaNode {
  readonly $ref?: string;
  readonly type?: string | readonly string[];
  readonly enum?: readonly unknown[];
  readonly oneOf?: readonly SchemaNode[];
  readonly anyOf?: readonly SchemaNode[];
  readonly properties?: Readonly<Record<string, SchemaNode>>;
  readonly patternProperties?: Readonly<Record<string, SchemaNode>>;
  readonly items?: SchemaNode;
  readonly definitions?: Readonly<Record<string, SchemaNode>>;
}

export interface SampleHints {
  /** Values by key, for keys where a value derived from the type alone would be invalid. */
  readonly values: Readonly<Record<string, unknown>>;
  /** Entry names by the map's key; `k` by default. */
  readonly names: Readonly<Record<string, string>>;
}

type Place = Omit<Sample, 'value'>;

/** Lists every key below a definition of a schema, at any depth, in schema order. */
export class SchemaSamples {
  readonly #schema: SchemaNode;
  readonly #hints: SampleHints;

  constructor(schema: SchemaNode, hints: SampleHints) {
    this.#schema = schema;
    this.#hints = hints;
  }

  below(definition: string, key: string, path: readonly (string | number)[]): readonly Sample[] {
    const node = this.#schema.definitions?.[definition];
    if (node === undefined) throw new Error(`the schema has no ${definition}`);
    return this.#inside(node, { key, path, trail: [] });
  }

  #inside(node: SchemaNode, at: Place): readonly Sample[] {
    const { key, path } = at;
    return this.#alternatives(node).flatMap((each) => {
      const trail = [...at.trail, { key, path }];
      const properties = Object.entries(each.properties ?? {}).flatMap(([name, child]) =>
        this.#samples(child, { key: `${key}.${name}`, path: [...path, name], trail }),
      );
      const [pattern] = Object.entries(each.patternProperties ?? {}).filter(
        ([name]) => !name.startsWith('^x-'),
      );
      if (pattern !== undefined) {
        const name = this.#hints.names[key] ?? 'k';
        properties.push(
          ...this.#inside(pattern[1], { key, path: [...path, name], trail: at.trail }),
        );
      }
      if (each.items !== undefined) {
        properties.push(...this.#inside(each.items, { key, path: [...path, 0], trail: at.trail }));
      }
      return properties;
    });
  }

  /** The key itself if it has a known or plain value, followed by the keys inside it. */
  #samples(node: SchemaNode, at: Place): readonly Sample[] {
    const { key, path, trail } = at;
    const inside = this.#inside(node, at);
    const own = key in this.#hints.values || inside.length === 0;
    const value = this.#hints.values[key] ?? plainValue(this.#alternatives(node));
    return [...(own ? [{ key, path, value, trail }] : []), ...inside];
  }

  #alternatives(node: SchemaNode): readonly SchemaNode[] {
    if (node.$ref !== undefined) {
      const name = node.$ref.split('/').at(-1) ?? '';
      const target = this.#schema.definitions?.[name];
      return target === undefined ? [] : this.#alternatives(target);
    }
    const choices = node.oneOf ?? node.anyOf;
    return choices === undefined ? [node] : choices.flatMap((each) => this.#alternatives(each));
  }
}

function plainValue(alternatives: readonly SchemaNode[]): unknown {
  for (const node of alternatives) {
    if (node.enum !== undefined) return node.enum[0];
    const types = typeof node.type === 'string' ? [node.type] : (node.type ?? []);
    for (const type of types) {
      if (type === 'boolean') return true;
      if (type === 'integer' || type === 'number') return 7;
      if (type === 'string') return 'word';
      if (type === 'array') return ['word'];
      if (type === 'object') return { k: 'word' };
    }
  }
  return 'word';
}

/** Copies a document with the value at a path set, or removed if undefined. */
export function withValue(document: unknown, path: Sample['path'], value: unknown): unknown {
  const [first, ...rest] = path;
  if (first === undefined) return value;
  if (typeof first === 'number') {
    const list: unknown[] = Array.isArray(document) ? [...(document as unknown[])] : [];
    list[first] = withValue(list[first], rest, value);
    return list.filter((item) => item !== undefined);
  }
  const map: Record<string, unknown> =
    typeof document === 'object' && document !== null && !Array.isArray(document)
      ? { ...(document as Record<string, unknown>) }
      : {};
  const inner = withValue(map[first], rest, value);
  if (inner === undefined) Reflect.deleteProperty(map, first);
  else map[first] = inner;
  return map;
}
