/** Maximum number of remembered copies. */
const maxCopies = 1_000;

interface FetchedCopy {
  /** On this engine. */
  readonly id: string;
  /** In the cluster's record. */
  readonly recordedId: string;
}

/**
 * Images that other nodes have sent, by reference. Their archives were verified, but engines with
 * another image store give them another id, and none gives them a digest.
 */
export class FetchedCopies {
  readonly #copies = new Map<string, FetchedCopy>();

  note(reference: string, copy: FetchedCopy): void {
    this.#copies.delete(reference);
    this.#copies.set(reference, copy);
    const [oldest] = this.#copies.keys();
    if (this.#copies.size > maxCopies && oldest !== undefined) this.#copies.delete(oldest);
  }

  idOf(reference: string): string | undefined {
    return this.#copies.get(reference)?.id;
  }

  isOf(reference: string, { id, recordedId }: FetchedCopy): boolean {
    const copy = this.#copies.get(reference);
    return copy?.id === id && copy.recordedId === recordedId;
  }
}
