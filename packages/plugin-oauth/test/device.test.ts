import type { PluginClock } from "mcp-host";
import { FakeClock } from "mcp-host/testing";
import { describe, expect, test } from "vitest";
import { Devices } from "../dist/device.js";
import { Egress } from "../dist/egress.js";
import { Grants } from "../dist/grants.js";
import { Memory } from "../dist/memory.js";
import { options as schema } from "../dist/options.js";
import { Tokens } from "../dist/tokens.js";
import { type Answer, asked, origin, script } from "./scripted.ts";

const AS = "/.well-known/oauth-authorization-server";
const CODE = {
  device_code: "the device code",
  user_code: "WDJB-MJHT",
  verification_uri: "https://as.example/device",
  expires_in: 600,
};
const TOKEN: Answer = { body: { access_token: "at", token_type: "bearer", expires_in: 60 } };
const failed = (error: string, more: object = {}): Answer => ({ status: 400, body: { error, ...more } });

/** A server that answers so about the code, one after the other and then the last for ever; and what a person is told. */
async function begun(
  answers: readonly Answer[],
  code: object = {},
  given: object = { clientId: "app" },
  more: { as?: object; all?: object; code?: (body: string) => Answer | undefined } = {},
) {
  let next = 0;
  script({
    [AS]: {
      body: {
        issuer: origin,
        token_endpoint: `${origin}/t`,
        device_authorization_endpoint: `${origin}/d`,
        registration_endpoint: `${origin}/r`,
        ...more.as,
      },
    },
    "/d": (_, body) => more.code?.(body) ?? { body: { ...CODE, ...code } },
    "/r": { status: 201, body: { client_id: "made" } },
    "/t": () => answers[Math.min(next++, answers.length - 1)] ?? {},
  });
  const clock = new FakeClock(1_000);
  const slept: number[] = [];
  const over = new AbortController();
  const store = () => memory;
  const memory = new Memory(clock.monotonic);
  const egress = new Egress(5_000, over.signal);
  const tokens = new Tokens(egress);
  const results: unknown[] = [];
  // Whoever sleeps is woken at once, and the time has passed.
  const pluginClock: PluginClock = {
    now: clock.now,
    monotonic: clock.monotonic,
    setTimeout: (work, milliseconds) => clock.setTimeout(() => void work(), milliseconds),
    setInterval: () => () => {},
    sleep: async (milliseconds) => {
      slept.push(milliseconds / 1_000);
      clock.advance(milliseconds);
    },
  };
  const log = { warn() {}, error() {} } as never; // nothing else is said here
  const grants = new Grants({ store, clock: pluginClock, log, tokens: () => tokens, refreshed() {} });
  const options = schema.parse({ ...more.all, servers: { up: { issuer: origin, ...given } } });
  const outcomes = { add: (_: number, ...labels: string[]) => void results.push(labels) } as never;
  const devices = new Devices({ options, store, egress, tokens, grants, now: clock.now, clock: pluginClock, outcomes });
  const server = options.servers.up as NonNullable<(typeof options.servers)[string]>; // as just given
  const who = { server: "up", who: "host", url: `${origin}/mcp`, options: server, challenge: undefined, stepUp: undefined };
  const { told, finish } = await devices.begin(who);
  const finished = finish(over.signal).then(
    (grant) => grant,
    (error: Error & { kind: string }) => error,
  );
  return { told, finished, slept, over, results, questions: () => asked.filter(({ path }) => path === "/t").length };
}

describe("a code on another device", () => {
  test("is asked for as often as the server says, and more seldom where it wants that", async () => {
    const { told, finished, slept, results } = await begun(
      [
        failed("authorization_pending"),
        failed("slow_down"),
        failed("authorization_pending"),
        { status: 503 },
        failed("authorization_pending"),
        TOKEN,
      ],
      { interval: 2, verification_uri_complete: "https://as.example/device?c=WDJB-MJHT" },
    );
    expect(told).toEqual({
      verificationUri: "https://as.example/device",
      verificationUriComplete: "https://as.example/device?c=WDJB-MJHT",
      userCode: "WDJB-MJHT",
      expiresIn: 600_000,
      issuer: origin,
    });
    expect(await finished).toMatchObject({ accessToken: "at", client: { id: "app" } });
    expect(slept).toEqual([2, 2, 7, 7, 14, 14]);
    expect(results).toEqual([["up", "ok"]]);
    const [, code, question] = asked.map(({ body }) => Object.fromEntries(new URLSearchParams(body)));
    expect(code).toMatchObject({ client_id: "app", resource: `${origin}/mcp` });
    expect(question).toMatchObject({ grant_type: "urn:ietf:params:oauth:grant-type:device_code", device_code: "the device code" });
  });

  test.each([
    ["a person who says no", failed("access_denied"), "refused", "the sign-in was refused"],
    ["a code that is over", failed("expired_token"), "expired", "nobody entered the code in time"],
    ["a server that knows nothing of it", failed("invalid_grant", { error_description: "MARK" }), "refused", "invalid_grant"],
  ])("%s ends it", async (_, answer, kind, message) => {
    const { finished, slept, results } = await begun([failed("authorization_pending"), answer]);
    const error = await finished;
    expect(slept).toEqual([5, 5]);
    expect(error).toMatchObject({ kind, message: expect.stringContaining(message) });
    expect(String(error)).not.toContain("MARK");
    expect(results).toEqual([["up", kind === "refused" ? "refused" : "failed"]]);
  });

  test("ends with the time that it is good for, whatever the server goes on saying; and when it is given up", async () => {
    const late = await begun([failed("authorization_pending")], { expires_in: 12 });
    expect(await late.finished).toMatchObject({ kind: "expired" });
    expect([late.slept, late.questions()]).toEqual([[5, 5, 2], 2]);
    const given = await begun([failed("authorization_pending")]);
    given.over.abort();
    expect(await given.finished).toMatchObject({ message: "the sign-in was given up" });
  });

  test.each([
    ["a code that a terminal would obey", { user_code: "A\u001b[2J" }],
    ["a page without https", { verification_uri: "http://as.example/device" }],
    ["a page that is none", { verification_uri: "javascript:alert(1)" }],
    ["no end", { expires_in: undefined }],
  ])("%s is not shown", async (_, code) => {
    await expect(begun([TOKEN], code)).rejects.toMatchObject({ kind: "invalid-answer" });
  });

  test("of a page with the code in it that is none, only the other one is told", async () => {
    const { told, over } = await begun([TOKEN], { verification_uri_complete: "file:///etc/passwd" });
    expect(told).not.toHaveProperty("verificationUriComplete");
    over.abort();
  });

  test("a host that registers itself for it says so, without an address that nobody is sent back to", async () => {
    const { over } = await begun([TOKEN], {}, {});
    const [, registration] = asked;
    expect(registration?.path).toBe("/r");
    expect(JSON.parse(registration?.body ?? "")).toEqual({
      client_name: "mcp-host",
      grant_types: ["urn:ietf:params:oauth:grant-type:device_code", "refresh_token"],
      response_types: [],
      token_endpoint_auth_method: "none",
      application_type: "native",
    });
    over.abort();
  });

  test("a host whose document is refused registers itself, once", async () => {
    const document = "https://me.example/client.json";
    const refuses = (body: string) => (body.includes(encodeURIComponent(document)) ? failed("invalid_client") : undefined);
    const { over } = await begun(
      [TOKEN],
      {},
      {},
      { as: { client_id_metadata_document_supported: true }, all: { clientMetadataUrl: document }, code: refuses },
    );
    expect(asked.map(({ path }) => path).slice(0, 4)).toEqual([AS, "/d", "/r", "/d"]);
    over.abort();
  });
});
