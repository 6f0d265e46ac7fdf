import { definePlugin, type Logger, type LogRecord, type Plugin, type PluginHost } from "mcp-host";
import { createTestHost, FakeClock } from "mcp-host/testing";
import { expect, test } from "vitest";
import { LogListeners } from "../src/plugin/log-listeners.ts";
import { settled } from "../src/testing/fake-clock.ts";

function plugin(name: string, apply: (host: PluginHost) => void): Plugin {
  return definePlugin({ name, host: "^1.0.0", apply })();
}

/** A log that counts what it is given. */
function plainLog(debugs = false): { log: Logger; lines: unknown[][] } {
  const lines: unknown[][] = [];
  const log: Logger = {
    error: (...line) => void lines.push(["error", ...line]),
    warn: (...line) => void lines.push(["warn", ...line]),
    info: (...line) => void lines.push(["info", ...line]),
    debug: (...line) => void lines.push(["debug", ...line]),
    debugs,
    child: () => log,
  };
  return { log, lines };
}

test("a plugin hears the host and other plugins at its level, without secrets, until it ends that", async () => {
  const heard: LogRecord[] = [];
  let end = (): void => {};
  let other: PluginHost | undefined;
  const plugins = [
    plugin("listens", (host) => {
      end = host.log.listen((line) => heard.push(line));
    }),
    plugin("talks", (host) => {
      other = host;
    }),
  ];
  await using running = await createTestHost({ plugins });
  heard.length = 0; // what was said of the start
  running.host.log.warn("the host says", { apiKey: "hunter2hunter2", url: "http://x" });
  other?.log.child({ part: 1 }).error("another says: Bearer abcdefghijklmnop");
  other?.log.debug("a detail");
  end();
  running.host.log.warn("not heard");
  expect(heard).toEqual([
    { time: expect.stringMatching(/^\d{4}-.*Z$/), level: "warn", message: "the host says", apiKey: "[redacted]", url: "http://x" },
    { time: expect.any(String), level: "error", message: "another says: [redacted]", plugin: "talks", part: 1 },
  ]);
  expect(heard.every(Object.isFrozen)).toBe(true);
  expect(running.log.map(({ message }) => message)).toContain("a detail");
  // To hear is to do something.
  const idle = running.log.filter(({ message }) => message === "a plugin taps no hook and so does nothing");
  expect(idle.map((line) => line.plugin)).toEqual(["talks"]);
});

test("lines of a level that the log does not write are made for who listens, and for nobody else", async () => {
  const { log, lines } = plainLog();
  const listeners = new LogListeners(log);
  const gone = new AbortController();
  expect(listeners.log.debugs).toBe(false);
  const heard: string[] = [];
  const end = listeners.of("a", gone.signal).listen(({ message }) => heard.push(message), "debug");
  expect([listeners.log.debugs, listeners.log.child({}).debugs]).toEqual([true, true]);
  listeners.log.debug("one");
  end();
  expect(listeners.log.debugs).toBe(false);
  listeners.log.debug("two");
  expect([heard, lines.length]).toEqual([["one"], 2]);
  expect(() => listeners.of("a", gone.signal).listen(() => {}, "loud" as never)).toThrow(
    'log.listen: there is no level "loud"; there are silent',
  );
});

test("without a listener a line's fields are not looked at", () => {
  const { log, lines } = plainLog();
  const listeners = new LogListeners(log);
  let looked = 0;
  const fields = {
    get text() {
      looked++;
      return "x";
    },
  };
  listeners.log.info("a line", fields);
  expect(looked).toBe(0);
  listeners.of("a", new AbortController().signal).listen(() => {});
  listeners.log.info("a line", fields);
  expect([looked, lines]).toEqual([
    1,
    [
      ["info", "a line", fields],
      ["info", "a line", fields],
    ],
  ]);
});

test("a listener that logs hears neither itself nor another that logs", async () => {
  const heard: string[] = [];
  const echoing = (name: string) =>
    plugin(name, (host) => {
      host.log.listen((line) => {
        heard.push(`${name}: ${line.message}`);
        host.log.info(`${name} heard it`);
        // Later, when no line is being told any more.
        queueMicrotask(() => host.log.child({ late: true }).info(`${name} thought of it`));
      });
    });
  await using running = await createTestHost({ plugins: [echoing("one")] });
  running.host.log.info("begin");
  await settled();
  expect(heard.filter((line) => line.startsWith("one"))).toEqual(["one: begin"]);
  await running.host.reload({ plugins: [echoing("one"), echoing("two")] });
  heard.length = 0;
  running.host.log.info("again");
  expect(heard).toEqual(["one: again", "two: again"]);
});

test("a listener that throws or rejects is dropped with one line, and others go on", async () => {
  const heard: string[] = [];
  let calls = 0;
  const plugins = [
    plugin(
      "throws",
      (host) =>
        void host.log.listen(() => {
          calls++;
          throw new Error("the listener is broken");
        }),
    ),
    plugin("rejects", (host) => void host.log.listen((async () => Promise.reject(new Error("later"))) as () => void)),
    plugin("hears", (host) => void host.log.listen(({ message }) => heard.push(message))),
  ];
  await using running = await createTestHost({ plugins });
  for (const message of ["one", "two"]) running.host.log.info(message);
  await settled();
  running.host.log.info("three");
  await settled();
  expect(heard).toEqual(["one", "two", "three"]);
  expect(calls).toBe(1);
  const failed = running.log.filter(({ message }) => message === "a listener of the log failed, and hears no more");
  expect(failed.map(({ level, plugin: id, error }) => [level, id, error])).toEqual([
    ["error", "throws", "Error: the listener is broken"],
    ["error", "rejects", "Error: later"],
  ]);
});

test("it ends with the plugin: by a reload that takes it out, and with the host", async () => {
  const heard: string[] = [];
  const listens = plugin("listens", (host) => void host.log.listen(({ message }) => heard.push(message)));
  const stays = plugin("stays", () => {});
  await using running = await createTestHost({ plugins: [listens, stays] });
  const { log } = running.host;
  await running.host.reload({ plugins: [listens, stays] });
  log.info("it lives on");
  await running.host.reload({ plugins: [stays] });
  log.info("it is gone");
  await running.host.reload({ plugins: [listens] });
  log.info("it is back");
  await running.close();
  log.info("the host is gone");
  expect(heard.filter((message) => message.startsWith("it ") || message.startsWith("the host is"))).toEqual(["it lives on", "it is back"]);
});

test("one whose apply fails hears nothing of the host that goes on, and nothing of it waits", async () => {
  const heard: string[] = [];
  const clock = new FakeClock();
  const begins = (host: PluginHost): void => {
    host.log.listen(({ message }) => heard.push(message));
    host.clock.setInterval(() => heard.push("tick"), 10);
  };
  const fails = plugin("fails", (host) => {
    begins(host);
    throw new Error("it cannot");
  });
  const late = plugin("late", (async (host: PluginHost) => begins(host)) as (host: PluginHost) => void);
  await using running = await createTestHost({ clock });
  await expect(running.host.reload({ plugins: [fails] })).rejects.toThrow('plugin "fails" could not be applied: it cannot');
  await expect(running.host.reload({ plugins: [late] })).rejects.toThrow('plugin "late" has an asynchronous apply');
  running.host.log.warn("it goes on");
  await clock.advance(100);
  expect([heard, clock.waiting]).toEqual([[], 0]);
});
