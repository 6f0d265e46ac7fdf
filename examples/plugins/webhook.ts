import { createHmac } from "node:crypto";
import { definePlugin, type Exchange, matcher, proxiedFetch, withDeadline } from "mcp-host";
import { z } from "zod";

/** Events of one POST. */
const BATCH = 100;

/**
 * Tells a URL what tools were called: who, which, how it ended, how long it took; never arguments or results. Events go out in order, up to
 * a hundred in one POST of `{ "events": [...] }`, signed where there is a `secret` (`x-signature: sha256=` and the HMAC of the body). A POST that
 * fails is tried once more. While the receiver is slow, at most `most` events wait; what comes then is dropped. What is dropped is counted
 * (`webhook.dropped`) and logged: whoever needs every event uses the audit plugin.
 */
export default definePlugin({
  name: "webhook",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({
    url: z.url({ protocol: /^https?$/ }),
    secret: z.string().min(16).optional(),
    tools: z.array(z.string()).default(["*"]),
    most: z.int().positive().default(1_000),
    /** Milliseconds before a POST that failed is tried again. */
    pause: z.int().min(0).default(1_000),
  }),
  apply(host, { url, secret, tools, most, pause }) {
    const isMeant = matcher(tools);
    const dropped = host.meter.counter({ name: "webhook.dropped", description: "Events that nobody was told.", labels: ["why"] });
    const queue: object[] = [];
    let sending: Promise<void> | undefined;

    async function post(body: string): Promise<void> {
      const headers: Record<string, string> = { "content-type": "application/json" };
      if (secret !== undefined) headers["x-signature"] = `sha256=${createHmac("sha256", secret).update(body).digest("hex")}`;
      const signal = AbortSignal.any([host.signal, AbortSignal.timeout(5_000)]);
      const answer = await proxiedFetch(url, { method: "POST", headers, body, signal, redirect: "error" });
      await answer.body?.cancel();
      if (!answer.ok) throw new Error(`the receiver answered ${answer.status}`);
    }
    async function send(): Promise<void> {
      while (queue.length > 0) {
        const events = queue.splice(0, BATCH);
        const body = JSON.stringify({ events });
        await post(body)
          .catch(() => host.clock.sleep(pause).then(() => post(body)))
          .catch((error: unknown) => {
            dropped.add(events.length, "failed");
            host.log.warn("events were dropped, since the webhook fails", { events: events.length, error: String(error) });
          });
      }
      sending = undefined;
    }

    const how = (outcome: Exchange["outcome"]): string => {
      if (!outcome || "cancelled" in outcome) return "cancelled";
      if ("error" in outcome) return "error";
      return outcome.result.isError === true ? "tool error" : "ok";
    };
    host.hooks.settled.tap("webhook", ({ id, method, called, principal, outcome, timings: { start, end } }) => {
      if (method !== "tools/call" || !called || !isMeant(called)) return;
      if (queue.length >= most) return dropped.add(1, "full");
      const ms = Math.round((end ?? start) - start);
      const time = new Date(host.clock.now()).toISOString();
      queue.push({ id, time, who: principal.id, server: called.upstream, tool: called.native, outcome: how(outcome), ms });
      sending ??= send();
    });
    host.hooks.close.tap("webhook", async () => {
      await withDeadline(sending ?? Promise.resolve(), 2_000, () => dropped.add(queue.length, "closed"));
    });
  },
});
