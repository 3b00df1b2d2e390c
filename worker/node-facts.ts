import { messageOf } from '../manager/common/base/errors.js';
import type { Logger } from '../manager/common/base/log.js';
import type { NodeDescription } from '../manager/common/model/node.js';
import type { EngineDescription } from './executor/docker/engine-description.js';
import { toNodeDescription } from './node-description.js';
import type { EffectiveSettings } from './settings.js';

export interface NodeFactsDependencies {
  readonly settings: Pick<EffectiveSettings, 'address' | 'labels'>;
  readonly version: string;
  readonly log: Logger;
  readonly readEngine: (signal: AbortSignal) => Promise<EngineDescription>;
}

/**
 * The description of this node. The engine is read once per connection to it: its `info` may take a
 * second on a busy engine.
 */
export class NodeFacts {
  readonly #deps: NodeFactsDependencies;
  #engine: EngineDescription | undefined;

  constructor(deps: NodeFactsDependencies) {
    this.#deps = deps;
  }

  async describe(signal: AbortSignal): Promise<NodeDescription> {
    if (this.#engine === undefined) await this.refresh(signal);
    const { settings, version } = this.#deps;
    return toNodeDescription(settings.address, settings.labels, version, this.#engine);
  }

  /** Reads the engine again; the former facts remain if it does not answer. */
  async refresh(signal: AbortSignal): Promise<void> {
    try {
      this.#engine = await this.#deps.readEngine(signal);
    } catch (error) {
      this.#deps.log.warn(messageOf(error));
    }
  }
}
