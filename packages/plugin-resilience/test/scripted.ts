import { type ResilienceOptions, resilience } from "@host/plugin-resilience";
import { type Config, definePlugin, type Exchange, HostError, PeerError, refuse, type Sent } from "mcp-host";
import { createTestHost, type FakeClock, type FakeUpstream, fakeUpstream, type TestHost } from "mcp-host/testing";

/** What the upstream does with one call: an error, or how it comes to a result. */
export type Step = Error | ((exchange: Exchange) => Promise<Record<string, unknown>>) | "ok";

/** A host with the plugin, and inside of it another plugin that stands for the upstream of calls of `scripted`. */
export interface Scripted extends TestHost {
  readonly fake: FakeUpstream;
  /** What the next calls meet; after that all is well. */
  steps: Step[];
  /** Calls that got through to the upstream. */
  readonly sent: Exchange[];
  /** Calls the tool, and gives its text or the type of the error. */
  call(tool?: string): Promise<string>;
  /** What the plugin says of the upstream. */
  report(upstream?: string): Record<string, Record<string, unknown>>;
  /** A reading of the plugin's instrument. */
  reading(name: string, upstream?: string): number | undefined;
}

const text = (value: string): Record<string, unknown> => ({ content: [{ type: "text", text: value }] });

export async function scripted(
  options: ResilienceOptions,
  own: Record<string, unknown> = {},
  config: Partial<Config> = {},
  clock?: FakeClock,
): Promise<Scripted> {
  const steps: { next: Step[] } = { next: [] };
  const sent: Exchange[] = [];
  let meter: Parameters<Parameters<typeof definePlugin>[0]["apply"]>[0]["meter"] | undefined;
  const upstream = definePlugin({
    name: "upstream",
    host: "^1.0.0",
    apply(host) {
      meter = host.meter;
      host.hooks.call.for("*").tap("upstream", () => async (exchange) => {
        sent.push(exchange);
        const step = steps.next.shift() ?? "ok";
        if (step instanceof Error) throw step;
        return step === "ok" ? text("ok") : step(exchange);
      });
    },
  });
  const fake = fakeUpstream({
    tools: { scripted: () => "unreached", other: () => "unreached", write: () => "unreached" },
    prompts: { hello: { get: () => "unreached" } },
  });
  const running = await createTestHost({
    plugins: [resilience(options), upstream()],
    upstreams: { up: { transport: fake.transport, ...own } },
    config,
    ...(clock && { clock }),
  });
  await running.host.known(1_000);
  return {
    ...running,
    get client() {
      return running.client;
    },
    fake,
    sent,
    get steps() {
      return steps.next;
    },
    set steps(next) {
      steps.next = next;
    },
    async call(tool = "scripted") {
      try {
        const { content } = (await running.client.callTool(tool)) as { content: { text: string }[] };
        return content[0]?.text ?? "";
      } catch (error) {
        return typeOf(error);
      }
    },
    report: (key = "up") => (running.host.reports().resilience as Record<string, Record<string, Record<string, unknown>>>)[key] ?? {},
    reading: (name, key = "up") =>
      meter
        ?.instruments()
        .find((each) => each.name === name)
        ?.readings()
        .find(({ labels }) => labels[0] === key)?.value,
  };
}

/** The type of the host's error, or the code of the upstream's. */
export function typeOf(error: unknown): string {
  const { code, data } = error as { code: number; data?: { type?: string } };
  return data?.type ?? String(code);
}

export const failure = (type: ConstructorParameters<typeof HostError>[0], sent: Sent = "unknown", retryAfterMs?: number): HostError =>
  new HostError(type, `scripted ${type}`, { sent, upstream: "up", ...(retryAfterMs !== undefined && { retryAfterMs }) });

export const refusal = (type: ConstructorParameters<typeof HostError>[0]): HostError => refuse(type, `refused as ${type}`);

export const rpcError = (code = -32000): PeerError => new PeerError({ code, message: "the upstream's own" });

/** A call that waits until the test says what comes of it. */
export function held(): { step: Step; started: Promise<void>; end(error?: Error): void } {
  let begin!: () => void;
  const started = new Promise<void>((resolve) => {
    begin = resolve;
  });
  let settle!: (error?: Error) => void;
  const ended = new Promise<void>((resolve, reject) => {
    settle = (error) => (error ? reject(error) : resolve());
  });
  return {
    step: async () => {
      begin();
      await ended;
      return text("held");
    },
    started,
    end: settle,
  };
}
