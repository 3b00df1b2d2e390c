/**
 * Runs all jobs, at most `limit` at a time. After a failure starts no more jobs, waits for the
 * running ones, then throws the failure.
 */
export async function runWithLimit(
  limit: number,
  jobs: readonly (() => Promise<unknown>)[],
): Promise<void> {
  const waiting = jobs[Symbol.iterator]();
  let failed = false;
  const worker = async (): Promise<void> => {
    for (const job of waiting) {
      if (failed) return;
      try {
        await job();
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  const workers = Array.from({ length: Math.min(limit, jobs.length) }, worker);
  const results = await Promise.allSettled(workers);
  const failure = results.find((result) => result.status === 'rejected');
  if (failure !== undefined) throw failure.reason;
}
