/** Something with a time limit that may move. */
export interface Limited {
  /** Looks whether its time is up, and does what is to be done then. Gives when to look again, or `undefined` when it is over. */
  check(now: number): number | undefined;
  /** Where it is among what is watched; undefined while it is not. Nobody else's business. */
  slot: number | undefined;
}

/**
 * No `Set`: it leaves a table behind whenever it makes room, with a pointer to the next. Once one of them is in the old generation
 * all that come after it outlive each collection of young objects, and so does what is in them: half of the time of a call.
 */
const watched: Limited[] = [];
let timer: NodeJS.Timeout | undefined;
let wakes = Number.POSITIVE_INFINITY;

/**
 * Has something checked at `at` (`performance.now()`) at the latest. One timer serves all, since a timer for each call
 * costs more than looking through all of them once in a while.
 */
export function watch(limited: Limited, at: number): void {
  if (watched.length === 0) timer?.ref();
  limited.slot ??= watched.push(limited) - 1;
  if (at < wakes) wake(at);
}

export function unwatch(limited: Limited): void {
  const { slot } = limited;
  if (slot === undefined) return;
  limited.slot = undefined;
  const last = watched.pop() as Limited; // it is watched itself, so there is one
  if (last !== limited) {
    watched[slot] = last;
    last.slot = slot;
  }
  // The timer stays for the next one, but does not keep a process alive that has nothing else to do.
  if (watched.length === 0) timer?.unref();
}

function wake(at: number): void {
  clearTimeout(timer);
  wakes = at;
  timer = setTimeout(look, Math.max(at - performance.now(), 1));
}

function look(): void {
  const now = performance.now();
  let next = Number.POSITIVE_INFINITY;
  // From the end, since whatever takes the place of one that is over was looked at already. A check may end several.
  for (let slot = watched.length - 1; slot >= 0; slot--) next = Math.min(next, watched[slot]?.check(now) ?? next);
  timer = undefined;
  wakes = Number.POSITIVE_INFINITY;
  if (watched.length > 0) wake(next);
}
