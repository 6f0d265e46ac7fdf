/** What has something to write when the process ends. */
export interface Flushed {
  flushNow(): void;
}

const open = new Set<Flushed>();

function flushAll(): void {
  for (const each of open) each.flushNow();
}

/** Has it flushed when the process ends, however many there are by one listener. */
export function watch(flushed: Flushed): void {
  if (open.size === 0) process.on("exit", flushAll);
  open.add(flushed);
}

export function unwatch(flushed: Flushed): void {
  if (open.delete(flushed) && open.size === 0) process.off("exit", flushAll);
}
