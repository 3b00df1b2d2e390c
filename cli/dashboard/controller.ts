import { setTimeout as startTimer } from 'node:timers';
import type { InkKeyFlags } from './terminal-input.js';
import { InputReader } from './terminal-input.js';
import type { ScreenFrame, FrameSource } from './screens/app.js';
import { toAnsi, themes } from './theme.js';
import type { ThemeName } from './theme.js';
import type { Glyphs } from './view-model/paint/glyphs.js';
import { ListCache } from './view-model/state/list-cache.js';
import type { Effect, Flash, Size, State, Transition } from './view-model/state/model.js';
import { withFlash, initialState } from './view-model/state/model.js';
import { paintFrame } from './view-model/paint/paint.js';
import { onMouse } from './view-model/update/on-mouse.js';
import { noPreferences } from './view-model/state/preferences.js';
import { onKey, onPaste } from './view-model/update/update.js';
import type { CliCommand, RenderContext, Preferences } from './view-model/state/view.js';
import type { ClusterState } from './view-model/state/cluster-state.js';

export interface ControllerOptions {
  readonly world: ClusterState;
  readonly size: Size;
  readonly glyphs: Glyphs;
  readonly theme: ThemeName;
  readonly readOnly?: boolean;
  readonly mouse?: boolean;
  readonly preferences?: Preferences;
  readonly now: () => number;
  readonly commands: readonly CliCommand[];
  readonly perform: (effect: Effect) => void;
}

/** Minimum time between frames that are not caused by input. */
const frameMs = 150;
/** Debounces a burst of resizes into one frame. */
const resizeMs = 50;

/** Owns the state and renders frames: input immediately, changes of the world rate-limited. */
export class Controller implements FrameSource {
  readonly #options: ControllerOptions;
  readonly #listeners = new Set<() => void>();
  readonly #listings = new ListCache();
  readonly #reader = new InputReader();
  #state: State;
  #commands: readonly CliCommand[];
  #frame: ScreenFrame | undefined;
  #pending: NodeJS.Timeout | undefined;

  constructor(options: ControllerOptions) {
    this.#options = options;
    this.#commands = options.commands;
    const { readOnly = false, mouse = false } = options;
    this.#state = initialState(options.size, { readOnly, mouse });
  }

  get state(): State {
    return this.#state;
  }

  readonly subscribe = (listener: () => void): (() => void) => {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  };

  readonly frame = (): ScreenFrame => {
    this.#frame ??= this.#paint();
    return this.#frame;
  };

  readonly input = (text: string, key: InkKeyFlags): void => {
    const input = this.#reader.read(text, key);
    if (input.kind === 'paste') this.#take(onPaste(this.#state, input.text, this.look()));
    else if (input.kind === 'mouse') {
      for (const event of input.events) {
        this.#take(onMouse(this.#state, event, this.look(), this.#listings));
      }
    } else {
      for (const pressed of input.keys) {
        this.#take(onKey(this.#state, pressed, this.look(), this.#listings));
      }
    }
    this.#show();
  };

  look(): RenderContext {
    const { world, glyphs, now, preferences = noPreferences } = this.#options;
    const commands = this.#commands;
    const { project } = this.#state;
    return { world, glyphs, commands, now: now(), preferences, project };
  }

  /** Sets the commands that completion offers. */
  setCommands(commands: readonly CliCommand[]): void {
    this.#commands = commands;
    this.changed();
  }

  /** Schedules a frame after a change of the world; no-op while paused. */
  changed(): void {
    if (this.#state.paused) return;
    this.#pending ??= startTimer(() => {
      this.#show();
    }, frameMs);
  }

  resize(size: Size): void {
    this.#state = { ...this.#state, size };
    clearTimeout(this.#pending);
    this.#pending = startTimer(() => {
      this.#show();
    }, resizeMs);
  }

  flash(text: string, tone: Flash['tone']): void {
    this.change((state) => withFlash(state, text, tone, this.#options.now()));
  }

  /** Applies a state change of an effect and renders. */
  change(edit: (state: State) => State): void {
    this.#state = edit(this.#state);
    this.#show();
  }

  stop(): void {
    clearTimeout(this.#pending);
    this.#listeners.clear();
  }

  #take({ state, effects }: Transition): void {
    this.#state = state;
    for (const effect of effects) this.#options.perform(effect);
  }

  #show(): void {
    clearTimeout(this.#pending);
    this.#pending = undefined;
    this.#frame = undefined;
    for (const listener of this.#listeners) listener();
  }

  #paint(): ScreenFrame {
    const theme = themes[this.#options.theme];
    const lines = paintFrame(this.#state, this.look(), this.#listings);
    return { columns: this.#state.size.columns, lines: lines.map((line) => toAnsi(line, theme)) };
  }
}
