import { parseComposeDuration } from '../decode/duration.js';

/** Converts a duration of the model to milliseconds; undefined stays undefined. */
export function toMs(duration: string | undefined): number | undefined {
  if (duration === undefined) return undefined;
  const nanoseconds = parseComposeDuration(duration) ?? 0n;
  return Number(nanoseconds) / 1_000_000;
}

export function toBytes(size: string | undefined): number | undefined {
  return size === undefined ? undefined : Number(size);
}

export function toNanoCpus(cpus: number | undefined): number | undefined {
  return cpus === undefined ? undefined : Math.round(cpus * 1e9);
}
