import { JsonLines } from '../../json-lines.js';
import type { EngineClient } from '../client.js';
import { progressLine } from './image-answers.js';
import { checkLine } from './pull-progress.js';
import { verifiedArchive, type ExpectedImage } from './verify-archive.js';

/**
 * Loads an archive of another node into the engine. Returns the image's id on this engine, which
 * differs from the expected one if its image store does. Throws `forbidden` if the archive is not of
 * the expected image.
 */
export async function loadVerified(
  client: EngineClient,
  archive: NodeJS.ReadableStream,
  expected: ExpectedImage,
  signal: AbortSignal,
): Promise<string> {
  const refused = new AbortController();
  const checked = verifiedArchive(archive, expected);
  // The engine waits for the rest of an archive whose request stays open.
  checked.once('error', (error) => {
    refused.abort(error);
  });
  const either = AbortSignal.any([signal, refused.signal]);
  let { id } = expected;
  try {
    const answer = await client.open(
      'load an image',
      (docker, abortSignal) => docker.loadImage(checked, { abortSignal }),
      either,
    );
    const lines = new JsonLines(progressLine, 'load an image: engine answer');
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      for (const line of lines.push(chunk)) {
        checkLine(line);
        id = /^Loaded image ID: (\S+)/u.exec(line.stream ?? '')?.[1] ?? id;
      }
    }
    return id;
  } catch (error) {
    throw refused.signal.aborted ? refused.signal.reason : error;
  } finally {
    checked.destroy();
  }
}
