import type { Message } from "../fixtures/upstream.mjs";
import type { RawHttp } from "./raw-http.ts";

export interface Neighbourhood {
  calls: number;
  /** Whatever was not a proper answer. */
  failures: Message[];
  /** Milliseconds. */
  slowest: number;
}

/** Calls `echo` of a good upstream on and on, some calls at a time, until stopped: whoever misbehaves beside it must not be noticed. */
export function keepCalling(client: RawHttp, parallel = 4): { stop(): Promise<Neighbourhood> } {
  const seen: Neighbourhood = { calls: 0, failures: [], slowest: 0 };
  let stopped = false;
  const callOnAndOn = async (lane: number): Promise<void> => {
    for (let n = 0; !stopped; n++) {
      const started = performance.now();
      const asked = `${lane}/${n}`;
      const answer = await client.call("echo", { asked, delayMs: 10 }).catch((error) => ({ failed: String(error) }) as Message);
      seen.calls++;
      seen.slowest = Math.max(seen.slowest, performance.now() - started);
      if (answer.result?.structuredContent?.arguments.asked !== asked) seen.failures.push(answer);
    }
  };
  const lanes = Array.from({ length: parallel }, (_, lane) => callOnAndOn(lane));
  return {
    async stop() {
      stopped = true;
      await Promise.all(lanes);
      return seen;
    },
  };
}
