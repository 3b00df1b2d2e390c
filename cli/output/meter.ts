import { Readable } from 'node:stream';
import { decimalBytes } from './quantity.js';

/** How much of something is done. */
export interface Meter {
  /** 0 to 1; undefined while nobody knows how much it will be. */
  readonly fraction?: number;
  /** `12.3MB/45MB` */
  readonly text: string;
}

const barWidth = 20;

/** `[=====>              ] 12.3MB/45MB` */
export function meterBar({ fraction, text }: Meter): string {
  if (fraction === undefined) return text;
  const filled = Math.floor(barWidth * Math.min(1, Math.max(0, fraction)));
  const bar = `${'='.repeat(filled)}>`.slice(0, barWidth).padEnd(barWidth);
  return `[${bar}] ${text}`;
}

/** Of bytes that go somewhere. */
export function byteMeter(sent: number, total?: number): Meter {
  if (total === undefined) return { text: decimalBytes(sent) };
  const text = `${decimalBytes(sent)}/${decimalBytes(total)}`;
  return { fraction: total === 0 ? 1 : sent / total, text };
}

/** The same bytes; calls back with how many have been taken so far. */
export function metered(
  content: NodeJS.ReadableStream,
  onTaken: (bytes: number) => void,
): Readable {
  const counted = async function* (): AsyncGenerator<string | Buffer> {
    let taken = 0;
    for await (const chunk of content) {
      taken += chunk.length;
      onTaken(taken);
      yield chunk;
    }
  };
  return Readable.from(counted(), { objectMode: false });
}
