import { type Member, Roster } from "../wire/roster.ts";

/** Something with a time limit that may move. */
export interface Limited extends Member {
  /** Looks whether its time is up, and does what is to be done then. Gives when to look again, or `undefined` when it is over. */
  check(now: number): number | undefined;
}

const watched = new Roster<Limited>();
let timer: NodeJS.Timeout | undefined;
let wakes = Number.POSITIVE_INFINITY;

/**
 * Has something checked at `at` (`performance.now()`) at the latest. One timer serves all, since a timer for each call
 * costs more than looking through all of them once in a while.
 */
export function watch(limited: Limited, at: number): void {
  if (watched.size === 0) timer?.ref();
  watched.add(limited);
  if (at < wakes) wake(at);
}

export function unwatch(limited: Limited): void {
  if (limited.place === undefined) return;
  watched.delete(limited);
  // The timer stays for the next one, but does not keep a process alive that has nothing else to do.
  if (watched.size === 0) timer?.unref();
}

function wake(at: number): void {
  clearTimeout(timer);
  wakes = at;
  timer = setTimeout(look, Math.max(at - performance.now(), 1));
}

function look(): void {
  const now = performance.now();
  let next = Number.POSITIVE_INFINITY;
  watched.forEach((limited) => {
    next = Math.min(next, limited.check(now) ?? next);
  });
  timer = undefined;
  wakes = Number.POSITIVE_INFINITY;
  if (watched.size > 0) wake(next);
}
