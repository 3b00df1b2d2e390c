import { AppError } from '../../manager/common/base/errors.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import { EngineLines, type EngineLine } from '../build/lines.js';
import type { ControlClient } from '../client/client.js';
import { transfer } from '../client/transfer.js';
import type { Project } from '../compose/model.js';

/** The services whose images a command acts on. */
export interface ServiceImages {
  readonly client: ControlClient;
  readonly project: Project;
  readonly keys: readonly string[];
}

/** Reads an engine's JSON lines to the end; throws `unavailable` for an error line. */
export async function readEngineOutput(
  stream: MessageStream,
  onLine: (line: EngineLine) => void,
  input?: NodeJS.ReadableStream,
): Promise<void> {
  const lines = new EngineLines();
  for await (const chunk of transfer(stream, input)) {
    for (const line of lines.push(chunk)) {
      if (line.error !== undefined) {
        throw new AppError('unavailable', line.error.trim().replaceAll(/\s*\n\s*/gu, ' '));
      }
      onLine(line);
    }
  }
}
