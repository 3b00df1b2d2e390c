/** Returns an integer from 0 to `below` - 1. */
export function below(random: () => number, limit: number): number {
  return Math.floor(random() * limit);
}

export function pick<Item>(random: () => number, items: readonly [Item, ...Item[]]): Item {
  return items[below(random, items.length)] ?? items[0];
}

export function randomBytes(random: () => number, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => below(random, 256)));
}

/** Bytes that parsers treat in a special way: ends, signs, lengths and compression pointers. */
const special = [0x00, 0x01, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff] as const;

/** Changes a copy of the input in one to four places. */
export function mutate(random: () => number, input: Buffer): Buffer {
  let changed: Buffer = Buffer.from(input);
  for (let left = 1 + below(random, 4); left > 0; left -= 1)
    changed = pick(random, mutations)(random, changed);
  return changed;
}

type Mutation = (random: () => number, input: Buffer) => Buffer;

const replaceByte: Mutation = (random, input) => {
  if (input.length > 0) input[below(random, input.length)] = pick(random, special);
  return input;
};

const flipBit: Mutation = (random, input) => {
  const at = below(random, Math.max(1, input.length));
  if (input.length > 0) input[at] = (input[at] ?? 0) ^ (1 << below(random, 8));
  return input;
};

const truncate: Mutation = (random, input) => input.subarray(0, below(random, input.length + 1));

const append: Mutation = (random, input) =>
  Buffer.concat([input, randomBytes(random, below(random, 64))]);

const repeat: Mutation = (random, input) => {
  const from = below(random, input.length + 1);
  const part = input.subarray(from, from + below(random, 32));
  return Buffer.concat([input.subarray(0, from), part, part, input.subarray(from)]);
};

const mutations: readonly [Mutation, ...Mutation[]] = [
  replaceByte,
  flipBit,
  truncate,
  append,
  repeat,
];
