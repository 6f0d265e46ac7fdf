import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Client } from "@modelcontextprotocol/sdk/client/index.js";
import {
  CreateMessageRequestSchema,
  CreateTaskResultSchema,
  ElicitRequestSchema,
  ListRootsRequestSchema,
  LoggingMessageNotificationSchema,
  ResourceListChangedNotificationSchema,
  ResultSchema,
} from "@modelcontextprotocol/sdk/types.js";
import type { Config } from "mcp-host";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { Message } from "../fixtures/upstream.mjs";
import { httpTransport, memoryTransport, modernHttpTransport, modernSdkClient, sdkClient } from "../harness/clients.ts";
import { MARKED, ROOT, startHost, type TestHost, temporary } from "../harness/hosts.ts";

/** An example's config on a free port; every child is marked, and the memory is a file of the test's own. */
function example(folder: string, memory?: string): Config {
  const config: Config = JSON.parse(readFileSync(join(ROOT, "examples", folder, "mcp-host.config.json"), "utf8"));
  for (const [key, server] of Object.entries(config.mcpServers as Record<string, { env?: Record<string, string> }>))
    server.env = { ...MARKED, ...(key === "memory" && memory !== undefined && { MEMORY_FILE_PATH: memory }) };
  return { ...config, listen: { port: 0 } };
}

/** Calls a tool and gives the text of its first block. */
async function text(client: Client, name: string, args: Message = {}): Promise<string> {
  const { content } = await client.request({ method: "tools/call", params: { name, arguments: args } }, ResultSchema);
  return (content as { text: string }[])[0]?.text ?? "";
}

describe("the quick start's servers over HTTP", () => {
  const folder = temporary();
  const client = sdkClient();
  let host: TestHost;

  beforeAll(async () => {
    const memory = join(folder.path, "memory.jsonl");
    host = await startHost(example("quickstart", memory), { folder: join(ROOT, "examples/quickstart") });
    await client.connect(httpTransport(host.url));
  });
  afterAll(async () => {
    await client.close();
    await host[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it("list their tools, prompts, resources and templates under one roof", async () => {
    const { tools } = await client.listTools();
    const names = tools.map(({ name }) => name);
    expect(names).toEqual(expect.arrayContaining(["everything__echo", "memory__read_graph", "files__read_text_file"]));
    expect(new Set(names).size).toBe(names.length);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toContain("everything__args-prompt");
    const uris = (await client.listResources()).resources.map(({ uri }) => uri);
    expect(uris).toEqual(expect.arrayContaining(["demo://resource/static/document/features.md", "memory://knowledge-graph"]));
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates.map(({ uriTemplate }) => uriTemplate)).toContain("demo://resource/dynamic/text/{resourceId}");
    expect(client.getInstructions()).toContain("## everything");
  });

  it("answer calls with text, images, links, structured content and progress", async () => {
    expect(await text(client, "everything__echo", { message: "Hello" })).toBe("Echo: Hello");
    expect(await text(client, "everything__get-sum", { a: 2, b: 40 })).toContain("42");
    const image = await client.callTool({ name: "everything__get-tiny-image" });
    expect(image.content).toContainEqual(expect.objectContaining({ type: "image", mimeType: "image/png" }));
    const weather = await client.callTool({ name: "everything__get-structured-content", arguments: { location: "Chicago" } });
    expect(weather.structuredContent).toMatchObject({ temperature: expect.any(Number) });
    const steps: unknown[] = [];
    const long = { name: "everything__trigger-long-running-operation", arguments: { duration: 0.3, steps: 3 } };
    await client.callTool(long, undefined, { onprogress: (step) => void steps.push(step) });
    expect(steps.slice(0, 2)).toMatchObject([
      { progress: 1, total: 3 },
      { progress: 2, total: 3 },
    ]);
  });

  it("read linked resources where the link came from", async () => {
    const { content } = await client.callTool({ name: "everything__get-resource-links", arguments: { count: 2 } });
    const links = (content as { type: string; uri: string }[]).filter(({ type }) => type === "resource_link");
    expect(links).toHaveLength(2);
    for (const { uri } of links) expect((await client.readResource({ uri })).contents[0]?.uri).toBe(uri);
  });

  it("fill prompts and complete their arguments", async () => {
    const { messages } = await client.getPrompt({ name: "everything__args-prompt", arguments: { city: "Oslo" } });
    expect(JSON.stringify(messages)).toContain("Oslo");
    const ref = { type: "ref/prompt" as const, name: "everything__completable-prompt" };
    const { completion } = await client.complete({ ref, argument: { name: "department", value: "E" } });
    expect(completion.values).toEqual(["Engineering"]);
  });

  it("ask the client that called for sampling and roots, and send it their logs", async () => {
    const asked = sdkClient({ sampling: {}, roots: {} });
    asked.setRequestHandler(CreateMessageRequestSchema, () => ({
      role: "assistant",
      model: "a-model",
      content: { type: "text", text: "You said it." },
    }));
    asked.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: pathToFileURL(folder.path).href, name: "Mine" }] }));
    const lines: Message[] = [];
    asked.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void lines.push(params));
    await asked.connect(httpTransport(host.url));
    expect(await text(asked, "everything__trigger-sampling-request", { prompt: "ping pong", maxTokens: 5 })).toContain("You said it.");
    await expect.poll(() => text(asked, "everything__get-roots-list")).toContain(folder.path);
    await asked.setLoggingLevel("debug");
    await text(asked, "everything__toggle-simulated-logging");
    await expect.poll(() => lines.length).toBeGreaterThan(0);
    await asked.close();
  });

  it("remember in one file and read others", async () => {
    const entity = { name: "Ada", entityType: "person", observations: ["likes engines"] };
    await client.callTool({ name: "memory__create_entities", arguments: { entities: [entity] } });
    const graph = await client.callTool({ name: "memory__read_graph" });
    expect(graph.structuredContent).toMatchObject({ entities: [entity] });
    expect(readFileSync(join(folder.path, "memory.jsonl"), "utf8")).toContain("likes engines");
    const path = join(ROOT, "examples/quickstart/files/ideas.txt");
    expect(await text(client, "files__read_text_file", { path })).toBe(readFileSync(path, "utf8"));
    const refused = await client.callTool({ name: "files__read_text_file", arguments: { path: "/etc/hostname" } });
    expect(refused.isError).toBe(true);
  });
});

describe("the quick start's servers behind a host with one client in process", () => {
  const folder = temporary();
  const client = sdkClient({ sampling: {}, elicitation: { form: {} }, roots: { listChanged: true } });
  let host: TestHost;

  beforeAll(async () => {
    const memory = join(folder.path, "memory.jsonl");
    const config = { ...example("quickstart", memory), listen: null };
    host = await startHost(config, { folder: join(ROOT, "examples/quickstart") });
    client.setRequestHandler(CreateMessageRequestSchema, ({ params }) => ({
      role: "assistant",
      model: "a-model",
      content: { type: "text", text: `You said: ${JSON.stringify(params.messages).slice(0, 200)}` },
    }));
    client.setRequestHandler(ElicitRequestSchema, ({ params }) => {
      // The first choice of every field is good enough.
      const fields = "requestedSchema" in params ? params.requestedSchema.properties : {};
      const content = Object.entries(fields).map(([name, field]) => {
        const choices: Message = field;
        return [name, choices.oneOf?.[0]?.const ?? choices.enum?.[0] ?? choices.default ?? (choices.type === "string" ? "Ada" : 1)];
      });
      return { action: "accept", content: Object.fromEntries(content) };
    });
    client.setRequestHandler(ListRootsRequestSchema, () => ({ roots: [{ uri: pathToFileURL(folder.path).href, name: "Mine" }] }));
    await client.connect(await memoryTransport(host.host));
  });
  afterAll(async () => {
    await client.close();
    await host[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });

  it("ask the client for sampling, elicitation and roots", async () => {
    const sampled = await text(client, "everything__trigger-sampling-request", { prompt: "ping pong", maxTokens: 5 });
    expect(sampled).toContain("You said");
    expect(sampled).toContain("ping pong");
    const { content } = await client.callTool({ name: "everything__trigger-elicitation-request" });
    expect(JSON.stringify(content)).toContain("Ada");
    await expect.poll(() => text(client, "everything__get-roots-list")).toContain(folder.path);
  });

  it("take the client's roots as their allowed folders", async () => {
    await expect.poll(() => text(client, "files__list_allowed_directories")).toContain(folder.path);
  });

  it("run a task that asks on its way", async () => {
    const params = { name: "everything__simulate-research-query", arguments: { topic: "bees", ambiguous: true }, task: { ttl: 60_000 } };
    const { task } = await client.request({ method: "tools/call", params }, CreateTaskResultSchema);
    const result = await client.request({ method: "tasks/result", params: { taskId: task.taskId } }, ResultSchema);
    expect(JSON.stringify(result.content)).toContain("bees");
    expect((await client.experimental.tasks.getTask(task.taskId)).status).toBe("completed");
  });
});

describe("the example servers, in TypeScript and in Python", () => {
  const client = sdkClient({ elicitation: { form: {} } });
  let host: TestHost;

  beforeAll(async () => {
    host = await startHost(example("servers"), { folder: join(ROOT, "examples/servers") });
    // The TypeScript server is compiled as it starts, which may take longer than a list waits.
    await vi.waitFor(() => expect(host.host.status().upstreams.map(({ entries }) => entries.tools)).toEqual([3, 3, 2]));
    await client.connect(httpTransport(host.url));
  });
  afterAll(async () => {
    await client.close();
    await host[Symbol.asyncDispose]();
  });

  it("list what they have, under their keys", async () => {
    const { tools } = await client.listTools();
    expect(tools.map(({ name }) => name)).toEqual([
      ...["notes__add_note", "notes__find_notes", "notes__count_words"],
      ...["clock__now", "clock__countdown", "clock__alarm"],
      ...["tables__free_tables", "tables__book_table"],
    ]);
    expect((await client.listPrompts()).prompts.map(({ name }) => name)).toEqual(["notes__summarize", "clock__plan_day"]);
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toEqual(
      expect.arrayContaining(["notes://index", "clock://now"]),
    );
  });

  it("keep notes: written with structured content, announced, found, read and completed", async () => {
    const changed = new Promise<void>((resolve) => client.setNotificationHandler(ResourceListChangedNotificationSchema, () => resolve()));
    const written = await client.callTool({ name: "notes__add_note", arguments: { title: "Bees", text: "They dance." } });
    expect(written.structuredContent).toEqual({ id: "3", title: "Bees", text: "They dance." });
    await changed;
    expect((await client.listResources()).resources.map(({ uri }) => uri)).toContain("notes://note/3");
    const found = await client.callTool({ name: "notes__find_notes", arguments: { word: "dance" } });
    expect(found.content).toMatchObject([{ type: "resource_link", uri: "notes://note/3" }]);
    expect((await client.readResource({ uri: "notes://note/3" })).contents).toMatchObject([{ text: "They dance." }]);
    const { messages } = await client.getPrompt({ name: "notes__summarize", arguments: { id: "3" } });
    expect(messages[0]?.content).toMatchObject({ type: "resource", resource: { uri: "notes://note/3" } });
    const argument = { name: "id", value: "3" };
    expect((await client.complete({ ref: { type: "ref/prompt", name: "notes__summarize" }, argument })).completion.values).toEqual(["3"]);
    const template = { type: "ref/resource" as const, uri: "notes://note/{id}" };
    expect((await client.complete({ ref: template, argument })).completion.values).toEqual(["3"]);
  });

  it("speak the era that the config says, and else the older one first", () => {
    const { upstreams } = host.host.status();
    expect(upstreams.map(({ name, protocolVersion }) => [name, protocolVersion])).toEqual([
      ["notes", "2026-07-28"],
      ["clock", "2025-11-25"],
      ["tables", "2026-07-28"],
    ]);
  });

  it("book tables, and ask about them by what the client knows", async () => {
    const asked: Message[] = [];
    const answer = (guests: number) => (question: { params: Message }) => {
      asked.push(question.params);
      return { action: "accept" as const, content: { guests, name: "Ada" } };
    };
    const day = "2027-01-01";
    client.setRequestHandler(ElicitRequestSchema, answer(3));
    expect(await text(client, "tables__book_table", { day })).toBe(`The table "garden" is Ada's on ${day}.`);
    const modern = modernSdkClient({ elicitation: { form: {} } });
    modern.setRequestHandler("elicitation/create", answer(7));
    await modern.connect(modernHttpTransport(host.url));
    const booked = await modern.callTool({ name: "tables__book_table", arguments: { day } });
    expect(booked.content).toEqual([{ type: "text", text: `The table "hall" is Ada's on ${day}.` }]);
    await modern.close();
    expect(await text(client, "tables__free_tables", { day })).toBe("window: 2");
    expect(asked.map(({ message }) => message)).toEqual(Array(2).fill(`A table on ${day}: for how many, and under which name?`));
    client.setRequestHandler(ElicitRequestSchema, () => ({ action: "decline" }));
    expect(await text(client, "tables__book_table", { day })).toBe("Nothing was booked.");
  });

  it("tell the time, count down with progress, and are cancelled", async () => {
    expect(Date.parse(await text(client, "clock__now"))).toBeGreaterThan(Date.parse("2025-01-01"));
    const steps: unknown[] = [];
    const countdown = { name: "clock__countdown", arguments: { from: 3, seconds: 0 } };
    const zero = await client.callTool(countdown, undefined, { onprogress: (step) => void steps.push(step) });
    expect(zero.content).toEqual([{ type: "text", text: "Zero." }]);
    expect(steps[0]).toEqual({ progress: 1, total: 3, message: "2 to go" });
    const abort = new AbortController();
    const cancelled = client.callTool({ name: "clock__countdown", arguments: { from: 60, seconds: 1 } }, undefined, {
      signal: abort.signal,
      onprogress: () => abort.abort("enough"),
    });
    await expect(cancelled).rejects.toThrow("enough");
    expect((await client.readResource({ uri: "clock://now" })).contents).toHaveLength(1);
    const { messages } = await client.getPrompt({ name: "clock__plan_day", arguments: { until: "18:00" } });
    expect(JSON.stringify(messages)).toContain("until 18:00");
  });
});

it("an example server of both eras tells the time without a session, too", async () => {
  const { mcpServers } = example("servers");
  const { clock } = mcpServers as Record<string, Message>;
  await using host = await startHost(
    { mcpServers: { clock: { ...clock, protocol: "modern" } } },
    { folder: join(ROOT, "examples/servers") },
  );
  const client = modernSdkClient();
  await client.connect(modernHttpTransport(host.url));
  expect(client.getInstructions()).toBeUndefined();
  const steps: unknown[] = [];
  const countdown = { name: "countdown", arguments: { from: 2, seconds: 0 } };
  expect(await client.callTool(countdown, { onprogress: (step) => void steps.push(step) })).toMatchObject({ content: [{ text: "Zero." }] });
  expect(steps).toHaveLength(2);
  expect((await client.readResource({ uri: "clock://now" })).contents).toHaveLength(1);
  expect(host.host.status().upstreams).toMatchObject([{ protocolVersion: "2026-07-28" }]);
  await client.close();
});

it("an example server's log lines reach its only client at the level it asked for", async () => {
  const { listen: _, ...config } = example("servers");
  await using host = await startHost({ ...config, listen: null }, { folder: join(ROOT, "examples/servers") });
  const client = sdkClient();
  const lines: Message[] = [];
  client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => void lines.push(params));
  await client.connect(await memoryTransport(host.host));
  await client.setLoggingLevel("warning");
  expect(await text(client, "clock__alarm", { seconds: 0, text: "Up!" })).toBe("It rang.");
  await expect.poll(() => lines).toEqual([{ level: "warning", logger: "clock/clock", data: { ring: "Up!" } }]);
  await client.close();
});
