/** What a host and its plugins tell the time by. Whoever tests puts another one in its place, such as `FakeClock` of `mcp-host/testing`. */
export interface Clock {
  /** Milliseconds since 1970, as `Date.now()`: what other machines and files mean. It jumps where somebody sets it. */
  now(): number;
  /** Milliseconds since some moment, as `performance.now()`: how long something took. It never goes back. */
  monotonic(): number;
  /** Calls `work` once, so many milliseconds from now. Gives a function that prevents it. */
  setTimeout(work: () => void, milliseconds: number): () => void;
}

/** A clock as one plugin has it: what waits on it ends with the plugin, and keeps no process alive. */
export interface PluginClock extends Clock {
  /** As `setTimeout`. What `work` throws or rejects with is logged. */
  setTimeout(work: () => unknown, milliseconds: number): () => void;
  /** Calls `work` every so many milliseconds. Gives a function that ends it. What `work` throws or rejects with is logged, and it goes on. */
  setInterval(work: () => unknown, milliseconds: number): () => void;
  /** Resolves after so many milliseconds, or as soon as `signal` is aborted or the plugin goes; never rejects. */
  sleep(milliseconds: number, signal?: AbortSignal): Promise<void>;
}

/** The time of this machine. Its functions are looked up when they are called, as whoever puts others in their place expects. */
export const machineClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  setTimeout(work, milliseconds) {
    const timer = setTimeout(work, milliseconds).unref();
    return () => clearTimeout(timer);
  },
};

export interface PluginClockOptions {
  readonly clock: Clock;
  /** Aborted when the plugin goes. */
  readonly signal: AbortSignal;
  /** Is told what the work of a timer failed with. */
  readonly failed: (error: unknown) => void;
}

/** A host's clock for one plugin. */
export function clockOf({ clock, signal, failed }: PluginClockOptions): PluginClock {
  /** Ends what waits; one listener for all of it, however much there is. */
  const ends = new Set<() => void>();
  signal.addEventListener(
    "abort",
    () => {
      for (const end of [...ends]) end();
    },
    { once: true },
  );
  const guarded = (work: () => unknown): void => {
    try {
      const given = work();
      if (given instanceof Promise) given.catch(failed);
    } catch (error) {
      failed(error);
    }
  };
  /** @param over called once, with the time or before it where the plugin goes */
  const wait = (milliseconds: number, over: (early: boolean) => void): (() => void) => {
    const finish = (early: boolean): void => {
      if (ends.delete(end)) over(early);
    };
    const end = (): void => {
      cancel();
      finish(true);
    };
    ends.add(end);
    const cancel = clock.setTimeout(() => finish(false), milliseconds);
    if (signal.aborted) end();
    return () => {
      ends.delete(end);
      cancel();
    };
  };
  return Object.freeze({
    now: () => clock.now(),
    monotonic: () => clock.monotonic(),
    setTimeout: (work: () => unknown, milliseconds: number) => wait(milliseconds, (early) => early || guarded(work)),
    setInterval(work: () => unknown, milliseconds: number) {
      let isOver = false;
      const next = (): (() => void) =>
        wait(Math.max(1, milliseconds), (early) => {
          if (early) return;
          guarded(work);
          if (!isOver) cancel = next();
        });
      let cancel = next();
      return () => {
        isOver = true;
        cancel();
      };
    },
    sleep: (milliseconds: number, stop?: AbortSignal) =>
      new Promise<void>((resolve) => {
        if (stop?.aborted) return resolve();
        const woken = (): void => {
          cancel();
          stop?.removeEventListener("abort", woken);
          resolve();
        };
        stop?.addEventListener("abort", woken, { once: true });
        let cancel = (): void => {};
        cancel = wait(milliseconds, woken);
      }),
  });
}
