import { rmSync, writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import type { AlertsOptions } from "@host/plugin-alerts";
import type { Config, Json } from "mcp-host";
import { expect, vi } from "vitest";
import { type Home, home, type Running, run, start, urlOf } from "../../../test/harness/cli.ts";
import { ROOT } from "../../../test/harness/hosts.ts";

/** A message in the form of Alertmanager. */
export interface Posted extends Json {
  readonly status: string;
  readonly groupLabels: Readonly<Record<string, string>>;
  readonly alerts: readonly {
    readonly status: string;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
    readonly startsAt: string;
  }[];
}

export interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly body: Posted;
}

/** Somebody who is told over HTTP. */
export interface Receiver extends AsyncDisposable {
  readonly url: string;
  readonly received: Received[];
  /** Each alert of each message, as `<its state> <its rule>`. */
  told(): string[];
  /** What is answered. */
  status: number;
  headers: Record<string, string>;
  /** Nobody is there any more, and is there again, at the same address. */
  down(): Promise<void>;
  up(): Promise<void>;
}

export async function receiver(): Promise<Receiver> {
  const received: Received[] = [];
  let server: Server | undefined;
  let port = 0;
  const made: Receiver = {
    get url() {
      return `http://127.0.0.1:${port}/alerts`;
    },
    received,
    status: 200,
    headers: {},
    told: () => received.flatMap(({ body }) => (body.alerts ?? []).map(({ status, labels }) => `${status} ${labels.alertname}`)),
    async up() {
      server = createServer((request, response) => {
        let text = "";
        request.on("data", (chunk) => {
          text += chunk;
        });
        request.on("end", () => {
          if (made.status < 300) received.push({ headers: request.headers, text, body: JSON.parse(text) });
          response.writeHead(made.status, made.headers).end("ok");
        });
      });
      await new Promise<void>((listening) => server?.listen(port, "127.0.0.1", listening));
      ({ port } = server.address() as AddressInfo);
    },
    async down() {
      server?.closeAllConnections();
      await new Promise((closed) => (server ? server.close(closed) : closed(undefined)));
      server = undefined;
    },
    [Symbol.asyncDispose]: () => made.down(),
  };
  await made.up();
  return made;
}

/** What happens at once instead of soon, so that tests wait for nothing else. */
export const AT_ONCE: Pick<AlertsOptions, "interval" | "group"> = { interval: "50ms", group: { wait: 0, interval: 0, repeat: false } };

/** The plugin's entry of a config. */
export const alerting = (
  to: Receiver | readonly NonNullable<AlertsOptions["receivers"]>[number][],
  rules: NonNullable<AlertsOptions["rules"]>,
  more: AlertsOptions = {},
): [string, AlertsOptions] => [
  "@host/plugin-alerts",
  { receivers: "url" in to ? [{ name: "ops", url: to.url, backoff: "20ms", maxBackoff: "100ms" }] : [...to], rules, ...AT_ONCE, ...more },
];

/** The plugin whose kind is files that are there. */
export const FLAGS = join(ROOT, "packages/plugin-alerts/test/flags.mjs");
export const flag = (name: string, more: object = {}) => ({ name, kind: "plugin" as const, of: "flag", with: { files: [name] }, ...more });

export interface Hosted extends AsyncDisposable {
  readonly at: Home;
  readonly running: Running;
  readonly url: URL;
  /** Runs a command of it, which must succeed. */
  command(...args: string[]): Promise<string>;
  status(): Promise<Json & { upstreams: { name: string; state: string; connections: { pid?: number }[] }[]; reports: { alerts: Json } }>;
  /** Puts another config in its place, in the running host, too. */
  reload(config: Config): Promise<void>;
  raise(name: string): void;
  clear(name: string): void;
}

export const written = (config: Config): string => JSON.stringify({ listen: { port: 0 }, ...config });

/** `mcp-host start` with a folder of its own, or in one that is there. */
export async function hosted(config: Config, at: Home = home({ listen: { port: 0 }, ...config })): Promise<Hosted> {
  const running = start(at, ["start", "http", "--insecure-no-auth"]);
  const url = await urlOf(running);
  const command = async (...args: string[]): Promise<string> => {
    const { code, stdout, stderr } = await run(at, args);
    expect(code, stderr).toBe(0);
    return stdout;
  };
  return {
    at,
    running,
    url,
    command,
    status: async () => JSON.parse(await command("status", "--json", "--pid", String(running.child.pid))),
    async reload(next) {
      writeFileSync(join(at.path, "mcp-host.config.json"), written(next));
      await command("reload");
    },
    raise: (name) => writeFileSync(join(at.path, name), ""),
    clear: (name) => rmSync(join(at.path, name), { force: true }),
    [Symbol.asyncDispose]: () => running[Symbol.asyncDispose](),
  };
}

/** Waits until all that was told is this. */
export const untilTold = (to: Receiver, ...all: string[]): Promise<void> => vi.waitFor(() => expect(to.told()).toEqual(all));
