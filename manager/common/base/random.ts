import { randomFillSync } from 'node:crypto';

/** Generates a new id. Injected so that a simulation is reproducible. */
export type NewId = () => string;

const alphabet = '0123456789abcdefghijklmnopqrstuvwxyz';

const idLength = 25;
/** Random bytes for the next ids: one call of the generator for each id costs more than the id. */
const pool = Buffer.alloc(100 * idLength);
let taken = pool.length;

/** 25 lower-case letters and digits (about 128 bits), the format of swarm object ids. */
export const newId: NewId = () => {
  if (taken === pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  let id = '';
  for (const byte of pool.subarray(taken, taken + idLength))
    id += alphabet.charAt(byte % alphabet.length);
  taken += idLength;
  return id;
};

/** Deterministic pseudo-random numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}
