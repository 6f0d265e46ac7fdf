import { askToStop } from "./control-client.ts";
import type { ControlStatus } from "./control-protocol.ts";
import { exitsWithin } from "./processes.ts";

/** What a host needs beyond `drain`, in milliseconds: sessions end, and servers have 5 s until they are killed. */
export const STOP_GRACE = 20_000;

/** What became of a host that was asked to stop. */
export interface StopOutcome {
  readonly pid: number;
  readonly what: string;
  readonly stopped: boolean;
  readonly reason?: string;
}

/** Has a host stop, and waits until its process is gone. Never rejects. @param timeout milliseconds. Default: its `drain` and the grace */
export async function stopHost({ pid, url, mode }: ControlStatus, timeout: number | undefined): Promise<StopOutcome> {
  const what = url ?? `a host over ${mode}`;
  try {
    const drain = await askToStop(pid);
    return await outcome(pid, what, timeout ?? drain + STOP_GRACE);
  } catch (error) {
    return { pid, what, stopped: false, reason: (error as Error).message }; // Errors with words for the operator
  }
}

/**
 * Ends a host that cannot be asked, because its control socket is lost. It does not tell its `drain`, so it is waited for as long as that
 * lasts by default.
 */
export async function terminateHost(pid: number, timeout = 10_000 + STOP_GRACE): Promise<StopOutcome> {
  process.kill(pid, "SIGTERM");
  return outcome(pid, "a daemon whose control socket is gone", timeout);
}

async function outcome(pid: number, what: string, timeout: number): Promise<StopOutcome> {
  if (await exitsWithin(pid, timeout)) return { pid, what, stopped: true };
  const reason = `the host with pid ${pid} runs still after ${timeout} ms; it goes on stopping, and \`kill -KILL ${pid}\` ends it at once`;
  return { pid, what, stopped: false, reason };
}
