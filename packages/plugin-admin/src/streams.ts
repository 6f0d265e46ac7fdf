import type { Followed, Json, PluginHost } from "mcp-host";
import { SAFE } from "./problem.ts";

/** Milliseconds between signs of life. */
const KEEP_ALIVE = 15_000;
/** Milliseconds after which whoever follows has to ask again, and so to be somebody who may, still. */
const AGE = 15 * 60_000;

/** What each stream may be asked, as its query; the host says whether it fits. */
export const STREAMS: Readonly<
  Record<string, { readonly what: Followed; readonly summary: string; readonly properties: Readonly<Record<string, Json>> }>
> = {
  "/logs/stream": {
    what: "logs",
    summary: "Lines of the log as they are written, after the last ones.",
    properties: {
      level: { type: "string", enum: ["error", "warn", "info", "debug"], description: "This level and what is worse." },
      server: { type: "string" },
      tool: { type: "string" },
      id: { type: "string", description: "Of one request." },
      since: { type: "integer", description: "In milliseconds since 1970." },
      lines: { type: "integer", description: "How many of those that are kept." },
    },
  },
  "/trace/stream": {
    what: "trace",
    summary: "What becomes of each request from now on, with what every plugin did to it.",
    properties: {
      tool: { type: "string", description: "A glob of exposed names." },
      caller: { type: "string", description: "A glob of principals' ids." },
      plugin: { type: "string", description: "One that did something." },
      outcome: { type: "string" },
      count: { type: "integer" },
    },
  },
};

/** What comes, as server-sent events, until either side ends it. Rejects where it cannot be followed. */
export async function eventStream(host: PluginHost, what: Followed, query: Json): Promise<Response> {
  const end = new AbortController();
  const abort = (): void => end.abort();
  const release = (): void => {
    host.signal.removeEventListener("abort", abort);
    clearTimeout(age);
    end.abort();
  };
  if (host.signal.aborted) abort();
  host.signal.addEventListener("abort", abort, { once: true });
  const age = setTimeout(abort, AGE);
  age.unref();
  let lines: AsyncIterator<string>;
  try {
    lines = (await host.operator.follow(what, query, end.signal))[Symbol.asyncIterator]();
  } catch (error) {
    release();
    throw error;
  }
  const encoder = new TextEncoder();
  let next: Promise<IteratorResult<string>> | undefined;
  const body = new ReadableStream<Uint8Array>(
    {
      start: (controller) => controller.enqueue(encoder.encode("retry: 2000\n\n")),
      async pull(controller) {
        let timer: NodeJS.Timeout | undefined;
        const quiet = new Promise<undefined>((resolve) => {
          timer = setTimeout(() => resolve(undefined), KEEP_ALIVE).unref();
        });
        next ??= lines.next();
        const got = await Promise.race([next, quiet]);
        clearTimeout(timer);
        if (got === undefined) return controller.enqueue(encoder.encode(": \n\n"));
        next = undefined;
        if (!got.done) return controller.enqueue(encoder.encode(`data: ${got.value}\n\n`));
        release();
        controller.close();
      },
      cancel: release,
    },
    { highWaterMark: 1 },
  );
  return new Response(body, { headers: { ...SAFE, "content-type": "text/event-stream", "x-accel-buffering": "no" } });
}
