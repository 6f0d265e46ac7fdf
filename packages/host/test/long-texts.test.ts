import type { IncomingMessage } from "node:http";
import { Writable } from "node:stream";
import { afterAll, expect, test } from "vitest";
import { expectLinear, SEEDS, textOf } from "../../../test/harness/growth.ts";
import { finding, told } from "../dist/cli/doctor/findings.js";
import { readableBlock } from "../dist/cli/one-shot/content.js";
import { rowsOf } from "../dist/cli/one-shot/kinds.js";
import { table } from "../dist/cli/terminal/table.js";
import { correlationId } from "../dist/exchange/correlation.js";
import { matcher } from "../dist/exchange/matcher.js";
import { plainUri, uriMatcher } from "../dist/exchange/uri-matcher.js";
import { accepts, prefersStream } from "../dist/front/edge.js";
import { checkJson } from "../dist/front/way-in.js";
import { createLogger, errorFields, escapeControls } from "../dist/log.js";
import { LogRing } from "../dist/operator/log-ring.js";
import { templateMatcher } from "../dist/pipeline/uri-template.js";
import { briefText, hasSecretShape, isSecretName, redact, redactTail, redactText, registerSecret } from "../dist/redact.js";
import { LineFramer } from "../dist/wire/framing.js";
import { parseJson, upstreamMessage } from "../dist/wire/parse.js";
import { SseParser } from "../dist/wire/sse.js";

const GLOBS = [
  "file:///**/private/**/*.pem",
  "*a*a*a*a*b",
  "*{a,aa}*{a,aa}*[!b]?c",
  "**/{a,b,1}/**/{.,/}*(x|/)*.{pem,key}",
  "http://[::1]/*?*.*",
  "up:*a*a*b",
  "db://**?id=*a*b&all=*",
];
const templates = ["{a}b", "test://{a}/{b}/{c}.x", `x${"{a}a".repeat(50)}`].map(templateMatcher);
const entry = (name: string) => ({ name, upstream: "up", native: name });

// Those of many principals, which begin alike.
const forgets = Array.from({ length: 1_000 }, (_, index) => registerSecret(`canary-of-many-letters-${index}-${"x".repeat(index % 50)}`));
afterAll(() => {
  for (const forget of forgets) forget();
});

const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
const ring = new LogRing("debug");
const logs = (["json", "pretty"] as const).map((format) => createLogger({ level: "debug", format, stream: nowhere, reader: ring }));
function logged(level: "error" | "warn" | "info" | "debug", text: string): void {
  for (const log of logs)
    log.child({ upstream: text })[level](text, {
      entry: text,
      problems: [text, text],
      params: { uri: text, [text]: text },
      ...errorFields(new Error(text, { cause: text })),
    });
  expect(Math.max(...ring.lines.slice(-2).map((line) => line.length))).toBeLessThan(150_000);
}

const request = (text: string): IncomingMessage =>
  ({ headers: { accept: text, "content-type": `application/json${text}` } }) as unknown as IncomingMessage; // nothing else is read

const PLACES: Readonly<Record<string, (text: string) => unknown>> = {
  redactText,
  briefText,
  redactTail,
  hasSecretShape,
  isSecretName,
  redact: (text) => redact({ text, list: [text], [text]: text }),
  "an error in the log": (text) => logged("error", text),
  "a warning in the log": (text) => logged("warn", text),
  "news in the log": (text) => logged("info", text),
  "what is logged for debugging": (text) => logged("debug", text),
  escapeControls,
  "globs of every spelling": (text) => uriMatcher(["file:///**/private/**/*.pem"]).all(entry(`file:///${text.slice(0, 100_000)}`)),
  "a URI in its plain form": plainUri,
  "URI templates": (text) => templates.map((matches) => [matches(text), matches(`test://${text}`)]),
  "a URI template": (text) => templateMatcher(text)(text.slice(0, 10_000)),
  "an event stream": (text) => new SseParser(10_000_000, () => {}).push(Buffer.from(`data: ${text}\n\n${text}`)),
  "lines of a server": (text) => new LineFramer(10_000_000, () => {}).push(Buffer.from(text)),
  "a message": (text) => upstreamMessage(parseJson(Buffer.from(JSON.stringify({ jsonrpc: "2.0", method: text, params: { text } })))),
  "a trace parent": (text) => correlationId({ _meta: { traceparent: text } }),
  "HTTP headers": (text) => {
    accepts(request(text), "text/event-stream");
    prefersStream(request(text));
    expect(() => checkJson(request(`x${text}`))).toThrow();
  },
  "a finding of doctor": (text) => [told("command", text), finding("command", text, { remedy: text })],
  "tables of the command line": (text) => table([...rowsOf("tools", [{ name: text, description: text }]), [text, text]]),
  "a result on the command line": (text) => escapeControls(readableBlock({ type: "text", text })),
  ...Object.fromEntries(
    GLOBS.flatMap((glob) => {
      const named = matcher([glob]);
      const spelt = uriMatcher([glob]);
      return [
        [`the glob ${glob}`, (text: string) => named(entry(text))],
        [`the glob ${glob} of any spelling`, (text: string) => spelt.any(entry(text.slice(0, 100_000)))],
      ];
    }),
  ),
};

test.each(Object.entries(PLACES))("%s takes time linear in the text", { timeout: 120_000 }, async (place, job) => {
  for (const seed of SEEDS) await expectLinear(place, seed, job);
});

test("a text of many pieces takes the time of its length, however it is cut", { timeout: 60_000 }, async () => {
  await expectLinear("an event stream in pieces", "data: a\n", (text) => {
    const parser = new SseParser(10_000_000, () => {});
    for (let at = 0; at < text.length; at += 100) parser.push(Buffer.from(text.slice(at, at + 100)));
  });
  await expectLinear("a line in pieces", "a", (text) => {
    const framer = new LineFramer(10_000_000, () => {});
    for (let at = 0; at < text.length; at += 100) framer.push(Buffer.from(text.slice(at, at + 100)));
  });
});

test("a log line is bounded, whatever it is about", () => {
  const lines: string[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      lines.push(String(chunk));
      done();
    },
  });
  const log = createLogger({ level: "debug", format: "json", stream });
  const long = textOf("word ", 300_000);
  log.error(long, {
    a: long,
    many: Array.from({ length: 50_000 }, () => long),
    numbers: Array.from({ length: 50_000 }, (_, index) => index),
  });
  log.error("long keys", { deep: Object.fromEntries(Array.from({ length: 100 }, (_, index) => [`${long}${index}`, index])) });
  log.error("many keys", { deep: Object.fromEntries(Array.from({ length: 50_000 }, (_, index) => [`key ${index}`, index])) });
  expect(lines.map((line) => line.length < 40_000)).toEqual([true, true, true]);
  expect(lines[0]).toContain("... (300000 characters)");
  expect(() => lines.map((line) => JSON.parse(line))).not.toThrow();
});
