import type { InkKeyFlags } from '../../../cli/dashboard/terminal-input.js';
import { namedKey, textKey } from '../../../cli/dashboard/view-model/update/key.js';
import { ListCache } from '../../../cli/dashboard/view-model/state/list-cache.js';
import type { Effect, State } from '../../../cli/dashboard/view-model/state/model.js';
import { initialState } from '../../../cli/dashboard/view-model/state/model.js';
import type { MouseEvent } from '../../../cli/dashboard/view-model/update/on-mouse.js';
import { onMouse } from '../../../cli/dashboard/view-model/update/on-mouse.js';
import { paintFrame } from '../../../cli/dashboard/view-model/paint/paint.js';
import { parsePreferences } from '../../../cli/dashboard/view-model/state/preferences.js';
import { onKey } from '../../../cli/dashboard/view-model/update/update.js';
import type { RenderContext } from '../../../cli/dashboard/view-model/state/view.js';
import type { ClusterState } from '../../../cli/dashboard/view-model/state/cluster-state.js';
import { lookAt } from './world.js';

/** A dashboard that gets keys and mouse events, without a terminal. */
export class DashboardSession {
  readonly world: ClusterState;
  readonly listings = new ListCache();
  readonly effects: Effect[] = [];
  readonly preferences: RenderContext['preferences'];
  state: State = initialState({ columns: 120, rows: 30 });

  constructor(world: ClusterState, preferences: object = {}) {
    this.world = world;
    this.preferences = parsePreferences(preferences);
  }

  get look(): RenderContext {
    const { preferences } = this;
    return {
      ...lookAt(this.world),
      ...(preferences && { preferences }),
      project: this.state.project,
    };
  }

  type(...keys: readonly (string | ReturnType<typeof namedKey>)[]): this {
    for (const key of keys) {
      const ctrl = typeof key === 'string' && key.startsWith('ctrl-');
      const pressed = typeof key === 'string' ? textKey(key.replace('ctrl-', ''), ctrl) : key;
      this.#take(onKey(this.state, pressed, this.look, this.listings));
    }
    return this;
  }

  mouse(event: MouseEvent): this {
    this.#take(onMouse(this.state, event, this.look, this.listings));
    return this;
  }

  #take({ state, effects }: { state: State; effects: readonly Effect[] }): void {
    this.state = state;
    this.effects.push(...effects);
  }

  get lines(): readonly string[] {
    return paintFrame(this.state, this.look, this.listings).map((line) =>
      line.map(({ text }) => text).join(''),
    );
  }

  get cursor(): string {
    return this.lines.find((line) => line.startsWith(' >') || line.startsWith('+>')) ?? '';
  }

  requests(): unknown {
    const { mode } = this.state;
    return mode.kind === 'confirm' ? mode.action.requests : undefined;
  }
}

/** Key flags of plain text. */
export const noFlags: InkKeyFlags = {
  upArrow: false,
  downArrow: false,
  leftArrow: false,
  rightArrow: false,
  pageUp: false,
  pageDown: false,
  return: false,
  escape: false,
  ctrl: false,
  tab: false,
  backspace: false,
  delete: false,
  meta: false,
};
