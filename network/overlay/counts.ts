import type { NetworkView } from '../../manager/common/model/network-view.js';

/** Overlay counters since the overlay was created. */
export interface OverlayCounters {
  readonly networks: number;
  /** Endpoints of all nodes on these networks. */
  readonly endpoints: number;
  /** Changes applied because the view changed. */
  readonly changes: number;
  /** Changes applied because the kernel or engine state was altered or lost. */
  readonly repairs: number;
  readonly failures: number;
}

/** Distinguishes changes caused by a new view from repairs of state that was already in place. */
export class ChangeCounter {
  #inPlace: NetworkView | undefined;
  #changes = 0;
  #repairs = 0;
  #failures = 0;

  /** Records the number of differences that an observation found. */
  found(view: NetworkView, differences: number): void {
    if (differences === 0) this.#inPlace = view;
    else if (this.#inPlace === view) this.#repairs += differences;
    else this.#changes += differences;
  }

  failed(problems: number): void {
    this.#failures += problems;
  }

  snapshot(view: NetworkView | undefined): OverlayCounters {
    return {
      networks: view?.networks.length ?? 0,
      endpoints: view?.endpoints.length ?? 0,
      changes: this.#changes,
      repairs: this.#repairs,
      failures: this.#failures,
    };
  }
}
