import { readFileSync } from 'node:fs';
import type { Fields } from '../../../manager/common/base/decode.js';
import { parseRecords } from '../../../network/linux/json.js';

/** Output of `ip -j` on kernel 6.18 with iproute2 6.1: two overlays, one container on each. */
export const recorded = (name: string): string =>
  readFileSync(`fixtures/kernel/${name}.json`, 'utf8');

/** The recording as records. */
export const recordedFields = (name: string): readonly Fields[] =>
  parseRecords(recorded(name), name);
