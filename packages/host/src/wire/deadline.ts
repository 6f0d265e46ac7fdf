export interface DeadlineOptions {
  /** Whether the process may end before the time is up. Default false. */
  readonly unref?: boolean;
  /** Where the timer comes from. Default: the global functions, as they are at the time of the call. */
  readonly timers?: Pick<typeof globalThis, "setTimeout" | "clearTimeout">;
}

/**
 * What `work` gives, or what `late` gives once so many milliseconds are over; a throw of `late` rejects. The work itself
 * goes on: nothing here can end it.
 */
export async function withDeadline<T, L>(
  work: Promise<T>,
  milliseconds: number,
  late: () => L,
  { unref = false, timers = globalThis }: DeadlineOptions = {},
): Promise<T | Awaited<L>> {
  let timer: NodeJS.Timeout | undefined;
  const over = new Promise<void>((resolve) => {
    timer = timers.setTimeout(resolve, milliseconds);
    if (unref) timer.unref();
  });
  try {
    return await Promise.race([work, over.then(late)]);
  } finally {
    timers.clearTimeout(timer);
  }
}
