import { existsSync, readFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { type AuditOptions, audit } from "@host/plugin-audit";
import { createTestHost, fakeUpstream } from "mcp-host/testing";
import { expect, test, vi } from "vitest";
import { temporary } from "../../../test/harness/hosts.ts";
import { logIn, type Recorded, recordsOf } from "./log.ts";

/** Somebody who takes lines, as they are told to. */
interface Receiver extends AsyncDisposable {
  readonly url: string;
  /** Lines of all requests that were answered with 2xx, in order. */
  readonly taken: Recorded[];
  readonly requests: { readonly headers: IncomingHttpHeaders; readonly url: string; readonly lines: number }[];
  answer: () => { readonly status: number; readonly headers?: Record<string, string> } | undefined;
}

async function receiver(): Promise<Receiver> {
  const taken: Recorded[] = [];
  const requests: Receiver["requests"] = [];
  const server = createServer((request, response) => {
    let text = "";
    request.on("data", (chunk) => {
      text += chunk;
    });
    request.on("end", () => {
      const lines = text.trimEnd().split("\n");
      requests.push({ headers: request.headers, url: request.url ?? "", lines: lines.length });
      const answer = made.answer();
      if (!answer) return; // it hangs
      if (answer.status < 300) taken.push(...lines.map((line) => JSON.parse(line)));
      response.writeHead(answer.status, answer.headers).end("thanks");
    });
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const made: Receiver = {
    url: `http://127.0.0.1:${port}/lines`,
    taken,
    requests,
    answer: () => ({ status: 204 }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((closed) => server.close(closed));
    },
  };
  return made;
}

const host = (folder: { path: string }, options: AuditOptions) =>
  createTestHost({ plugins: [audit(options)], upstreams: { up: fakeUpstream({ tools: { add: () => "1" } }) }, folder: folder.path });
type Running = Awaited<ReturnType<typeof host>>;
const report = ({ host }: Running) => host.reports().audit as Recorded;
const numbers = (lines: readonly Recorded[]): number[] => lines.map(({ n }) => n);
const calls = async ({ client }: Running, count: number) => {
  for (let call = 0; call < count; call++) await client.callTool("add");
};

test("every line goes to the receiver, in order and in batches, with the token and a key for who gets one twice", async () => {
  using folder = temporary();
  await using to = await receiver();
  {
    await using running = await host(folder, {
      webhook: { url: to.url, token: "a-token-of-the-receiver", batch: 7 },
      rotate: { size: "4kb" },
    });
    await calls(running, 60);
    await vi.waitFor(() => expect(report(running).webhook).toEqual({ behind: 0 }));
  }
  const all = recordsOf(logIn(folder));
  expect(to.taken).toEqual(all);
  for (const { headers, lines } of to.requests) {
    expect(headers).toMatchObject({
      authorization: "Bearer a-token-of-the-receiver",
      "content-type": "application/x-ndjson",
      "idempotency-key": expect.stringMatching(/^\d+-\d+$/),
    });
    expect(lines).toBeLessThanOrEqual(7);
  }
  expect(readFileSync(`${logIn(folder)}.sent`, "utf8")).toBe(`${all.length}\n`);
  expect(JSON.stringify(all)).not.toContain("a-token-of-the-receiver");
});

test("a receiver that fails is tried again, what it did not take waits on the disk, over a start of the host, too", async () => {
  using folder = temporary();
  await using to = await receiver();
  to.answer = () => ({ status: 503, headers: { "retry-after": "0" } });
  {
    await using running = await host(folder, { webhook: { url: to.url } });
    await calls(running, 5);
    await vi.waitFor(() =>
      expect(report(running).webhook).toMatchObject({ behind: expect.any(Number), trouble: "it answered with HTTP 503" }),
    );
    await calls(running, 5);
    expect(
      running.log.filter(({ message }) => message === "a receiver of the audit log does not take its lines; they wait in the log's files"),
    ).toHaveLength(1);
    const asked = to.requests.length;
    await vi.waitFor(() => expect(to.requests.length).toBeGreaterThan(asked), { timeout: 5_000 });
  }
  expect(to.taken).toEqual([]);
  to.answer = () => ({ status: 200 });
  {
    await using running = await host(folder, { webhook: { url: to.url } });
    await vi.waitFor(() => expect(report(running).webhook).toEqual({ behind: 0 }));
  }
  // What nobody had taken when the host first stopped is not known to be new: it begins with what comes after its start.
  expect(numbers(to.taken)).toEqual(numbers(recordsOf(logIn(folder))).slice(-to.taken.length));
});

test("what was sent up to some line is not sent again, and all behind it is", async () => {
  using folder = temporary();
  await using to = await receiver();
  for (const answers of [true, false, true]) {
    to.answer = () => ({ status: answers ? 200 : 500 });
    await using running = await host(folder, { webhook: { url: to.url } });
    await calls(running, 5);
    if (answers) await vi.waitFor(() => expect(report(running).webhook).toEqual({ behind: 0 }));
    else await vi.waitFor(() => expect(report(running).webhook.trouble).toBeDefined());
  }
  expect(numbers(to.taken)).toEqual(numbers(recordsOf(logIn(folder))));
});

test("redirects are not followed, and a receiver that hangs is given up in time; Retry-After is respected", async () => {
  using folder = temporary();
  await using to = await receiver();
  await using elsewhere = await receiver();
  to.answer = () => ({ status: 307, headers: { location: elsewhere.url } });
  await using running = await host(folder, { webhook: { url: to.url, timeout: 100 } });
  await vi.waitFor(() => expect(report(running).webhook.trouble).toBe("it answered with HTTP 307"));
  to.answer = () => undefined;
  await vi.waitFor(() => expect(report(running).webhook.trouble).toBe("it did not answer within 100 ms"), { timeout: 5_000 });
  to.answer = () => ({ status: 429, headers: { "retry-after": "3600" } });
  await vi.waitFor(() => expect(report(running).webhook.trouble).toBe("it answered with HTTP 429"), { timeout: 10_000 });
  const { length } = to.requests;
  await calls(running, 3);
  await new Promise((later) => setTimeout(later, 200));
  expect(to.requests).toHaveLength(length);
  expect(elsewhere.requests).toEqual([]);
});

test("a receiver that is dead for long: with refuse new calls are refused, with drop it never gets the oldest lines", async () => {
  for (const onFull of ["refuse", "drop"] as const) {
    using folder = temporary();
    await using to = await receiver();
    to.answer = () => ({ status: 500 });
    await using running = await host(folder, { onFull, webhook: { url: to.url, maxBehind: 1_000 } });
    await vi.waitFor(() => expect(report(running).webhook.trouble).toBeDefined());
    for (let batch = 0; batch < 11; batch++) {
      await Promise.all(Array.from({ length: 100 }, () => running.client.callTool("add").catch(() => {})));
      await vi.waitFor(() => expect(report(running).buffered).toBe(0));
    }
    const call = running.client.callTool("add");
    if (onFull === "refuse") {
      await expect(call).rejects.toThrow(
        /no call is sent that cannot be recorded: \d+ lines of the audit log wait for their receiver \(it answered with HTTP 500\)/,
      );
      continue;
    }
    await call;
    to.answer = () => ({ status: 200 });
    await vi.waitFor(() => expect(report(running).webhook).toEqual({ behind: 0 }), { timeout: 20_000 });
    expect(to.taken.length).toBeLessThanOrEqual(1_000);
    expect(running.log.some(({ message }) => message === "a receiver of the audit log was too far behind, and never gets some lines")).toBe(
      true,
    );
  }
});

test("a reload with another receiver hands over: no line is missing, and none comes twice", async () => {
  using folder = temporary();
  await using one = await receiver();
  await using other = await receiver();
  const configOf = (url: string) => ({ mcpServers: {}, plugins: [audit({ webhook: { url } })] });
  await using running = await createTestHost({
    ...configOf(one.url),
    plugins: [audit({ webhook: { url: one.url } })],
    folder: folder.path,
  });
  for (let list = 0; list < 20; list++) await running.client.listTools();
  await running.host.reload(configOf(other.url));
  for (let list = 0; list < 20; list++) await running.client.listTools();
  await vi.waitFor(() => expect(running.host.reports().audit).toMatchObject({ buffered: 0, webhook: { behind: 0 } }));
  await vi.waitFor(() => expect(numbers([...one.taken, ...other.taken])).toEqual(numbers(recordsOf(logIn(folder)))));
  expect(other.taken.length).toBeGreaterThan(15);
  expect(existsSync(`${logIn(folder)}.sent.new`)).toBe(false);
});
