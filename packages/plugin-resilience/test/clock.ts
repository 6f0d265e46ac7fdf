import { setImmediate } from "node:timers/promises";
import { vi } from "vitest";

/** Stops every clock that host and plugin go by. For a whole file: the host's own timer is one for the process. */
export function stopClocks(): void {
  vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout", "performance"] });
}

/** Lets everything happen that waits for no clock. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 10; turn++) await setImmediate();
}

/** Turns the clocks on, and lets happen what follows. */
export async function pass(milliseconds: number): Promise<void> {
  await settle();
  await vi.advanceTimersByTimeAsync(milliseconds);
  await settle();
}
