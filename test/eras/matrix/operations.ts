import { expect, vi } from "vitest";
import type { Message } from "../../fixtures/upstream.mjs";
import type { OPERATIONS, Outcome } from "./cells.mjs";
import type { Person } from "./person.ts";

/** One person before one server. */
export interface Place {
  readonly person: Person;
  /** Under which the server is known: its names begin with it. */
  readonly key: string;
  /** What the client says where there is no such resource. */
  readonly notFound: number;
  /** What should come of it, for those that have to know how long to wait. */
  readonly outcome: Outcome;
}

/** Does it; gives what came of it. Throws where it is neither as it should be nor as a deviation has it. */
type Operation = (place: Place) => Promise<Outcome>;

const textOf = (result: Message): string => result.content[0].text;
const said = (result: Message): Message => JSON.parse(textOf(result));

/** The result of a tool that asks, or that it was refused since nobody can be asked. */
async function asking({ person, key }: Place, tool: string, check: (answers: Message) => void): Promise<Outcome> {
  person.asked.length = 0;
  const result = await person
    .call(`${key}_${tool}`)
    .catch((error: Error): Message => ({ isError: true, content: [{ text: error.message }] }));
  if (result.isError) {
    expect(textOf(result)).toMatch(/declare|capabilit/);
    expect(person.asked).toEqual([]);
    return "refused";
  }
  check(said(result));
  return "works";
}

const accepted = { action: "accept", content: { ok: true } };
const MODEL = { role: "assistant", content: { type: "text", text: "Paris" } };
const ROOTS = { roots: [{ uri: "file:///w" }] };

export const operations: Record<keyof typeof OPERATIONS, Operation> = {
  async list({ person: { client }, key }) {
    const { tools } = await client.listTools();
    expect(tools).toContainEqual(expect.objectContaining({ name: `${key}_echo`, inputSchema: { type: "object", properties: {} } }));
    expect(new Set(tools.map(({ name }) => name)).size).toBe(tools.length);
    expect((await client.listPrompts()).prompts).toContainEqual({ name: `${key}_greet`, arguments: [{ name: "who" }] });
    expect((await client.listResources()).resources).toContainEqual({ uri: `test://${key}/a`, name: "a" });
    const { resourceTemplates } = await client.listResourceTemplates();
    expect(resourceTemplates).toContainEqual({ uriTemplate: `test://${key}/by/{name}`, name: "by" });
    return "works";
  },

  async call({ person, key }) {
    expect(said(await person.call(`${key}_echo`, { a: "ü", b: [1, null] }))).toEqual({ a: "ü", b: [1, null] });
    return "works";
  },

  async structured({ person, key }) {
    const result = await person.call(`${key}_structured`);
    expect(result).toMatchObject({ content: [{ type: "text", text: '{"n":1}' }], structuredContent: { n: 1 } });
    return "works";
  },

  async error({ person, key }) {
    expect(await person.call(`${key}_failing`)).toMatchObject({ content: [{ type: "text", text: "it failed" }], isError: true });
    return "works";
  },

  async unknown({ person, key }) {
    await expect(person.call(`${key}_nobody`)).rejects.toMatchObject({ code: -32602 });
    return "works";
  },

  async read({ person: { client }, key, notFound }) {
    const uri = `test://${key}/a`;
    expect((await client.readResource({ uri })).contents).toEqual([{ uri, text: `text of ${uri}` }]);
    await expect(client.readResource({ uri: `test://${key}/nobody` })).rejects.toMatchObject({ code: notFound });
    return "works";
  },

  async template({ person: { client }, key }) {
    const uri = `test://${key}/by/täst`;
    expect((await client.readResource({ uri })).contents).toEqual([{ uri, text: `text of ${uri}` }]);
    return "works";
  },

  async prompt({ person: { client }, key }) {
    const { messages } = await client.getPrompt({ name: `${key}_greet`, arguments: { who: "Ada" } });
    expect(messages).toEqual([{ role: "user", content: { type: "text", text: "Hello Ada" } }]);
    return "works";
  },

  async completion({ person: { client }, key }) {
    const ref = { type: "ref/prompt" as const, name: `${key}_greet` };
    const { completion } = await client.complete({ ref, argument: { name: "who", value: "A" } });
    expect(completion.values).toEqual(["A!"]);
    return "works";
  },

  async progress({ person, key }) {
    const steps: Message[] = [];
    const call = person.call(`${key}_slow`, { say: "on the way", holds: true }, { onprogress: (step) => void steps.push(step) });
    await vi.waitFor(() => expect(steps).toHaveLength(2));
    await person.call(`${key}_release`);
    await call;
    expect(steps).toMatchObject([
      { progress: 1, total: 2, message: "on the way" },
      { progress: 2, total: 2, message: "on the way" },
    ]);
    return "works";
  },

  async log({ person, key, outcome }) {
    person.told.length = 0;
    const logged = (): unknown[] => person.told.filter(({ method }) => method === "notifications/message").map(({ params }) => params.data);
    await person.call(`${key}_slow`);
    await person.client.listTools(); // what was on its way has arrived
    if (outcome === "nothing" && logged().length === 0) return "nothing";
    await vi.waitFor(() => expect(logged()).toEqual(["step 1", "step 2"]));
    return "works";
  },

  async cancel({ person, key }) {
    const stats = async (): Promise<Message> => said(await person.call(`${key}_stats`));
    const before = await stats();
    const stop = new AbortController();
    const hanging = person.call(`${key}_hanging`, {}, { signal: stop.signal });
    await vi.waitFor(async () => expect(await stats()).toMatchObject({ hanging: before.hanging + 1 }));
    stop.abort();
    await expect(hanging).rejects.toThrow();
    await vi.waitFor(async () => expect(await stats()).toMatchObject({ cancelled: before.cancelled + 1 }));
    return "works";
  },

  form: (place) =>
    asking(place, "form", (answers) => {
      expect(answers).toEqual({ form: accepted });
      expect(place.person.asked).toMatchObject([{ message: "Sure?" }]);
    }),

  url: (place) =>
    asking(place, "url", (answers) => {
      expect(answers).toMatchObject({ page: { action: "accept" } });
      expect(place.person.asked).toMatchObject([{ mode: "url", url: "https://example.com/sign-in" }]);
    }),

  model: (place) =>
    asking(place, "model", (answers) => {
      expect(answers).toMatchObject({ model: MODEL });
      expect(place.person.asked).toMatchObject([{ maxTokens: 10, messages: [{ content: { text: "Capital?" } }] }]);
    }),

  roots: (place) => asking(place, "roots", (answers) => expect(answers).toMatchObject({ roots: ROOTS })),

  three: (place) =>
    asking(place, "three", (answers) => {
      expect(answers).toMatchObject({ roots: ROOTS, model: MODEL, form: accepted });
      expect(place.person.asked).toHaveLength(3);
    }),

  twice: (place) =>
    asking(place, "twice", (answers) => {
      expect(answers).toEqual({ one: accepted, two: accepted });
      expect(place.person.asked.map(({ message }) => message)).toEqual(["Question 1", "Question 2"]);
    }),

  async decline(place) {
    place.person.action = "decline";
    try {
      return await asking(place, "form", (answers) => expect(answers).toEqual({ form: { action: "decline" } }));
    } finally {
      place.person.action = "accept";
    }
  },

  async listen({ person, key }) {
    person.told.length = 0;
    const uri = `test://${key}/a`;
    const updates = (): string[] =>
      person.told.filter(({ method }) => method === "notifications/resources/updated").map(({ params }) => params.uri);
    const end = await person.listen(uri);
    await person.call(`${key}_touch`, { uri: `test://${key}/by/other` });
    await person.call(`${key}_touch`, { uri });
    await vi.waitFor(() => expect(updates()).toContain(uri));
    await end();
    expect(new Set(updates())).toEqual(new Set([uri]));
    return "works";
  },

  async change({ person, key }) {
    const end = await person.listen(`test://${key}/a`);
    const before = (await person.client.listTools()).tools;
    person.told.length = 0;
    await person.call(`${key}_grow`);
    await vi.waitFor(() => expect(person.told.map(({ method }) => method)).toContain("notifications/tools/list_changed"));
    expect((await person.client.listTools()).tools.length).toBeGreaterThan(before.length);
    await end();
    return "works";
  },
};
