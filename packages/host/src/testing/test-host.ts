import { Writable } from "node:stream";
import type { Config } from "../config/schema.ts";
import type { Host } from "../host/host.ts";
import type { HostOptions } from "../host/options.ts";
import { createLogger } from "../log.ts";
import { createHost } from "../operator/create-host.ts";
import { type TraceRecord, TraceRecorder } from "../operator/trace-record.ts";
import { FORGOTTEN_RETURN } from "../plugin/forgotten-return.ts";
import { INVALID_RESULT } from "../plugin/result-watch.ts";
import { isObject, type Json } from "../wire/message.ts";
import type { FakeUpstream } from "./fake-upstream.ts";
import { reasonOf, type TestLogLine } from "./reasons.ts";
import { TestClient, type TestClientOptions } from "./test-client.ts";

export interface TestHostOptions {
  /** As in a config. */
  plugins?: Config["plugins"];
  /** By key: a fake upstream, or a server as in a config, such as `{ transport: fake.transport, isolation: "session" }`. */
  upstreams?: Record<string, FakeUpstream | Readonly<Json>>;
  /** The rest of the config. Default: that of a host, but `drain: 0`, since no test waits for what is in flight. */
  config?: Partial<Config>;
  /** Transports by type, for servers such as `{ type: "nats", options: {} }`; the `transport` of a fake upstream is one. */
  transports?: HostOptions["transports"];
  /** Roles of the `local` principal. */
  roles?: string[];
  /** Who the first client is; `false`: there is none. */
  client?: TestClientOptions | false;
  /** Where relative paths of plugins begin; default: the working directory. */
  folder?: string;
  /** What plugins and stores in memory tell the time by, such as a {@link FakeClock}; default: that of this machine. */
  clock?: HostOptions["clock"];
  /** Where plugins get what cannot be foreseen, such as a {@link FakeRandom}; default: from this machine. */
  random?: HostOptions["random"];
  /** What operators' `reload` and `stop` do; default: those of the host. */
  operator?: HostOptions["operator"];
}

export interface TestHost extends AsyncDisposable {
  readonly host: Host;
  /** The first client. */
  readonly client: TestClient;
  /** Connects another client. */
  connect(options?: TestClientOptions): Promise<TestClient>;
  /** What the host and its plugins logged so far, at every level, redacted as in any log. */
  readonly log: readonly TestLogLine[];
  /** What became of each request that is over, as `mcp-host trace --json` shows it: which plugin was asked what, and what it changed or refused. */
  readonly traces: readonly TraceRecord[];
  /** Ends the clients and the host. */
  close(): Promise<void>;
}

/**
 * Starts a host with these plugins in front of these upstreams, and connects a client.
 * @throws ConfigError that names everything wrong with the config
 */
export async function createTestHost(options: TestHostOptions = {}): Promise<TestHost> {
  const log: TestLogLine[] = [];
  const stream = new Writable({
    write(chunk, _encoding, done) {
      const line = JSON.parse(String(chunk)) as TestLogLine; // the logger writes a line at a time
      log.push(line);
      if (line.message === FORGOTTEN_RETURN || line.message === INVALID_RESULT) warnOf(line);
      done();
    },
  });
  const { plugins = [], upstreams = {}, roles, config, folder, transports, clock, random, operator } = options;
  const mcpServers = Object.fromEntries(Object.entries(upstreams).map(([key, given]) => [key, serverOf(given)]));
  const host = createHost(
    { drain: 0, plugins, ...(roles && { roles }), ...config, mcpServers: { ...mcpServers, ...config?.mcpServers } },
    {
      log: createLogger({ level: "debug", format: "json", stream }),
      freezeMessages: true,
      ...(folder !== undefined && { folder }),
      ...(transports && { transports }),
      ...(clock && { clock }),
      ...(random && { random }),
      ...(operator && { operator }),
    },
  );
  const traces: TraceRecord[] = [];
  host.trace(
    new TraceRecorder(
      () => true,
      (record) => traces.push(record),
    ).listener,
  );
  const clients: TestClient[] = [];
  const connect = async (as: TestClientOptions = {}): Promise<TestClient> => {
    const client = await TestClient.connect(host, as, (error) => reasonOf(error, log));
    clients.push(client);
    return client;
  };
  const close = async (): Promise<void> => {
    for (const client of clients) await client.close();
    await host.close();
  };
  try {
    await host.start();
    if (options.client !== false) await connect(options.client);
  } catch (error) {
    await close();
    throw error;
  }
  return {
    host,
    get client() {
      const [first] = clients;
      if (!first) throw new Error("the test host was made with `client: false`; use connect()");
      return first;
    },
    connect,
    log,
    traces,
    close,
    [Symbol.asyncDispose]: close,
  };
}

/** Nothing fails by it, so whoever writes the test would not look for it in the log. */
function warnOf({ message, plugin, hook, tapped, problem, remedy }: TestLogLine): void {
  process.emitWarning(`${message}${problem === undefined ? "" : ` (${String(problem)})`}; ${remedy}`, {
    type: "McpHostWarning",
    detail: `plugin "${plugin}", hooks.${hook}, at ${tapped}`,
  });
}

/** The config's entry of an upstream. */
function serverOf(given: FakeUpstream | Readonly<Json>): unknown {
  return isObject(given) && "received" in given ? { transport: given.transport } : given;
}
