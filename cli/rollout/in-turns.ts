/** Runs all jobs, at most `limit` at the same time. Fails with the first failure, when no job runs any more. */
export async function inTurns(
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
