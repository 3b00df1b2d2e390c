import type { NetworkView } from '../../manager/common/model/network-view.js';

/** What the overlay has done since it was made. */
export interface OverlayFigures {
  readonly networks: number;
  /** Containers of all nodes on them. */
  readonly endpoints: number;
  /** Made because the view asked for something else. */
  readonly changes: number;
  /** Made because what was in place had been altered or lost. */
  readonly repairs: number;
  readonly failures: number;
}

/** Tells changes that a view asks for from repairs of what one look had found in place. */
export class OverlayCounts {
  #inPlace: NetworkView | undefined;
  #changes = 0;
  #repairs = 0;
  #failures = 0;

  /** A look at the kernel found that so much differs from the view. */
  found(view: NetworkView, differences: number): void {
    if (differences === 0) this.#inPlace = view;
    else if (this.#inPlace === view) this.#repairs += differences;
    else this.#changes += differences;
  }

  failed(problems: number): void {
    this.#failures += problems;
  }

  figures(view: NetworkView | undefined): OverlayFigures {
    return {
      networks: view?.networks.length ?? 0,
      endpoints: view?.endpoints.length ?? 0,
      changes: this.#changes,
      repairs: this.#repairs,
      failures: this.#failures,
    };
  }
}
