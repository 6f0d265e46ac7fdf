import { expect } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { startHost, upstream } from "./hosts.ts";
import { RawHttp } from "./raw-http.ts";

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

/**
 * A host with a good upstream that is called all the while and a bad one, and a client of it.
 * @param bad its settings
 * @param more of the config
 */
export async function beside(bad: Record<string, unknown>, more: Record<string, unknown> = {}) {
  const running = await startHost({ mcpServers: { good: upstream({ name: "good", only: ["echo"] }), bad }, ...more });
  const client = await RawHttp.open(running.url);
  const neighbour = keepCalling(await RawHttp.open(running.url));
  return {
    client,
    logs: running.logs,
    status: () => running.host.status().upstreams.find(({ name }) => name === "bad"),
    /** Ends the calls of the good one, none of which may have noticed anything. */
    async unnoticed() {
      const { calls, failures } = await neighbour.stop();
      expect(failures).toEqual([]);
      expect(calls).toBeGreaterThan(0);
    },
    async [Symbol.asyncDispose]() {
      await neighbour.stop();
      await running.host.close();
    },
  };
}
