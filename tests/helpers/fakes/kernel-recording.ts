import { readFileSync } from 'node:fs';

/** Output of `ip -j` on kernel 6.18 with iproute2 6.1: two overlays, one container on each. */
export const recorded = (name: string): string =>
  readFileSync(`fixtures/kernel/${name}.json`, 'utf8');
