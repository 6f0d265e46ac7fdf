import { X509Certificate } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { resolve } from "node:path";
import { type PluginHost, peerCertificate } from "mcp-host";
import type { Condition, Reading, Watch, WatchContext } from "./kind.ts";
import type { RuleOf } from "./rules.ts";
import { serverTest } from "./servers.ts";
import { plain, timeOf } from "./words.ts";

const DAY = 86_400_000;
/** Milliseconds for one server. */
const PATIENCE = 10_000;
/** Bytes of a file, and certificates in it. */
const LARGEST = 1024 ** 2;
const MOST = 100;
/** Servers that are asked at once. */
const AT_ONCE = 10;

const PEM = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g;

interface Source {
  readonly subject: string;
  readonly what: string;
  readonly labels: Readonly<Record<string, string>>;
  /** When the first of its certificates ends, in milliseconds since 1970. */
  readonly end: () => Promise<number>;
}

export function certificate(
  host: Pick<PluginHost, "config" | "folder" | "clock" | "log">,
  { servers, files, days, every }: RuleOf<"certificate">,
  { look }: WatchContext,
): Watch {
  const sources = [
    ...serversOf(host.config.mcpServers, serverTest(servers)),
    ...[...(host.config.listen?.tls ? [host.config.listen.tls.cert] : []), ...files].map((file) => fileOf(resolve(host.folder, file))),
  ];
  /** What was found last, and when; undefined where it could not be looked at. */
  let known: ReadonlyMap<Source, number | undefined> = new Map();
  let looked = Number.NEGATIVE_INFINITY;
  let isLooking = false;
  return {
    read(): Reading {
      if (!isLooking && host.clock.monotonic() - looked >= every) {
        looked = host.clock.monotonic();
        isLooking = true;
        // Beside the rest: one server that does not answer holds up no other rule.
        void lookAt(sources, known, host.log).then((found) => {
          known = found;
          isLooking = false;
          look();
        });
      }
      return { conditions: sources.map((source) => judged(source, known.get(source), days, host.clock.now())) };
    },
  };
}

function judged({ subject, what, labels }: Source, end: number | undefined, days: number, now: number): Condition {
  // That a server cannot be reached is told of by another rule.
  if (end === undefined) return { subject, is: "unknown", summary: "", labels };
  const left = end - now;
  const date = new Date(end).toISOString().slice(0, 16).replace("T", " ");
  const when = left > 0 ? `expires in ${timeOf(left)}, on ${date} UTC` : `has expired on ${date} UTC`;
  return { subject, is: left < days * DAY ? "bad" : "good", summary: plain(`the certificate of ${what} ${when}`), labels };
}

async function lookAt(
  sources: readonly Source[],
  before: ReadonlyMap<Source, number | undefined>,
  log: PluginHost["log"],
): Promise<ReadonlyMap<Source, number | undefined>> {
  const known = new Map<Source, number | undefined>();
  const waiting = [...sources];
  const look = async (): Promise<void> => {
    for (let next = waiting.shift(); next; next = waiting.shift()) {
      try {
        known.set(next, await next.end());
      } catch (error) {
        known.set(next, before.get(next));
        const { message } = error as Error; // only these are thrown
        log.debug("a certificate could not be looked at", { of: next.subject, reason: plain(message) });
      }
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, look));
  return known;
}

function serversOf(servers: PluginHost["config"]["mcpServers"], isMeant: (key: string) => boolean): Source[] {
  return Object.entries(servers).flatMap(([server, config]): Source[] => {
    const { url, proxy } = config as { url?: string; proxy?: string | false }; // of the wires that have them
    if (!isMeant(server) || url === undefined || !/^(https|wss):/i.test(url)) return [];
    return [
      {
        subject: server,
        what: `server "${server}"`,
        labels: { server },
        end: async () => (await peerCertificate(url, { timeout: PATIENCE, ...(proxy !== undefined && { proxy }) })).validTo,
      },
    ];
  });
}

function fileOf(path: string): Source {
  return {
    subject: path,
    what: path,
    labels: { path: plain(path, 200) },
    async end() {
      if ((await stat(path)).size > LARGEST) throw new Error(`the file has more than ${LARGEST} bytes`);
      const found = (await readFile(path, "latin1")).match(PEM)?.slice(0, MOST) ?? [];
      if (found.length === 0) throw new Error("the file has no certificate in PEM form");
      return Math.min(...found.map((pem) => Date.parse(new X509Certificate(pem).validTo)));
    },
  };
}
