import { readFileSync } from 'node:fs';

/** A recorded engine response: `fixtures/engine/<version>/<name>`. */
export function engineRecording(name: string): string {
  return readFileSync(
    new URL(`../../../../fixtures/engine/20.10/${name}`, import.meta.url),
    'utf8',
  );
}
