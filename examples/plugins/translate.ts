import { type Awaitable, definePlugin, isObject, matcher, proxiedFetch } from "mcp-host";
import { z } from "zod";

type Translate = (texts: readonly string[], to: string, signal: AbortSignal) => Awaitable<readonly string[]>;

/** More than this no service answers: a text and its translation are about as long. */
const MOST_BYTES = 4 * 1024 ** 2;

/** A service with the API of LibreTranslate. */
function service(url: string): Translate {
  return async (texts, to, signal) => {
    const body = JSON.stringify({ q: texts, source: "auto", target: to, format: "text" });
    const headers = { "content-type": "application/json" };
    const answer = await proxiedFetch(url, { method: "POST", headers, body, signal, redirect: "error" });
    if (!answer.ok || !answer.body) throw new Error(`the service answered ${answer.status}`);
    const parts: Uint8Array[] = [];
    let size = 0;
    for await (const part of answer.body) {
      if ((size += part.length) > MOST_BYTES) throw new Error(`the service answered with more than ${MOST_BYTES} bytes`);
      parts.push(part);
    }
    return (JSON.parse(Buffer.concat(parts).toString()) as { translatedText: string[] }).translatedText; // looked at below
  };
}

/**
 * Translates the texts of tools' results: by a function of a program's own, `translate({ to: "de", by: (texts, to) => ... })`, or by an HTTP service
 * with the API of LibreTranslate, `{ "to": "de", "by": "http://127.0.0.1:5000/translate" }`. Structured content stays as it is: programs read it.
 * Where the service fails or takes too long, the client gets the text as it came, and the log says so.
 */
export default definePlugin({
  name: "translate",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({
    to: z.string().regex(/^[a-z]{2,3}(-[A-Za-z]{2,4})?$/),
    by: z.union([z.url(), z.custom<Translate>((given) => typeof given === "function", "expected a URL or a function")]),
    tools: z.array(z.string()).default(["*"]),
    /** Characters of a result; longer ones are left as they are. */
    most: z.int().positive().default(50_000),
    /** Milliseconds; the host gives a plugin 5 s unless its entry in the config says `timeout`. */
    patience: z.int().positive().default(4_000),
  }),
  apply(host, { to, by, tools, most, patience }) {
    const translate = typeof by === "string" ? service(by) : by;
    const isMeant = matcher(tools);
    const failed = host.meter.counter({ name: "translate.failed", description: "Results that were left as they came." });
    const isText = (item: unknown): item is { text: string } => isObject(item) && item.type === "text" && typeof item.text === "string";

    host.hooks.respond.for("tools/call").tap("translate", async (result, { called, signal, id }) => {
      if (!called || !isMeant(called) || !Array.isArray(result.content)) return result;
      const texts = result.content.filter(isText).map(({ text }) => text);
      if (texts.length === 0 || texts.reduce((sum, { length }) => sum + length, 0) > most) return result;
      try {
        const given = await translate(texts, to, AbortSignal.any([signal, AbortSignal.timeout(patience)]));
        const isWhole = Array.isArray(given) && given.length === texts.length && given.every((text) => typeof text === "string");
        if (!isWhole) throw new Error("there is not one translation for each text");
        const next = given.values();
        return { ...result, content: result.content.map((item) => (isText(item) ? { ...item, text: next.next().value } : item)) };
      } catch (error) {
        failed.add();
        host.log.warn("a result was not translated", { requestId: id, tool: called.name, error: String(error) });
        return result;
      }
    });
  },
});
