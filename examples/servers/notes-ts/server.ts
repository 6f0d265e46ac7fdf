/** A small MCP server: notes that live as long as the process. Run it with `node --import jiti/register server.ts`. */
import { setTimeout as sleep } from "node:timers/promises";
import { completable, McpServer, ResourceTemplate } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

const Note = z.object({ id: z.string(), title: z.string(), text: z.string() });
type Note = z.infer<typeof Note>;

const notes = new Map<string, Note>();
let lastId = 0;

function add(title: string, text: string): Note {
  lastId += 1;
  const note = { id: String(lastId), title, text };
  notes.set(note.id, note);
  return note;
}

const uriOf = (note: Note) => `notes://note/${note.id}`;
const idsStartingWith = (value: string) => [...notes.keys()].filter((id) => id.startsWith(value));
const plain = (text: string) => ({ content: [{ type: "text" as const, text }] });

add("Welcome", "Ask for the tool add_note to write one of your own.");
add("Shopping", "Milk, flour, eggs.");

/** The server for one conversation, of whichever era: clients of both share the notes. */
function makeServer(): McpServer {
  const server = new McpServer({ name: "notes", title: "Notes", version: "1.0.0" }, { instructions: "Notes are kept in memory only." });

  server.registerTool(
    "add_note",
    {
      title: "Add a note",
      description: "Write a note and get it back with its id.",
      inputSchema: z.object({ title: z.string().min(1), text: z.string() }),
      outputSchema: Note,
      annotations: { readOnlyHint: false, destructiveHint: false },
    },
    ({ title, text }) => {
      const note = add(title, text);
      server.sendResourceListChanged();
      return { ...plain(`Note ${note.id} written.`), structuredContent: note };
    },
  );

  server.registerTool(
    "find_notes",
    {
      title: "Find notes",
      description: "Links to the notes whose title or text contains a word.",
      inputSchema: z.object({ word: z.string() }),
      annotations: { readOnlyHint: true },
    },
    ({ word }) => {
      const wanted = word.toLowerCase();
      const found = [...notes.values()].filter((note) => `${note.title}\n${note.text}`.toLowerCase().includes(wanted));
      return {
        content: found.map((note) => ({ type: "resource_link" as const, uri: uriOf(note), name: note.title, mimeType: "text/plain" })),
      };
    },
  );

  server.registerTool(
    "count_words",
    {
      title: "Count words",
      description: "Count the words of all notes, one note at a time, with progress.",
      inputSchema: z.object({ delayMs: z.number().int().min(0).max(5_000).default(100).describe("How long to take over each note.") }),
      annotations: { readOnlyHint: true },
    },
    async ({ delayMs }, { mcpReq }) => {
      const progressToken = mcpReq._meta?.progressToken;
      const all = [...notes.values()];
      let words = 0;
      for (const [index, note] of all.entries()) {
        await sleep(delayMs, undefined, { signal: mcpReq.signal });
        words += note.text.split(/\s+/).filter(Boolean).length;
        if (progressToken === undefined) continue;
        await mcpReq.notify({
          method: "notifications/progress",
          params: { progressToken, progress: index + 1, total: all.length, message: note.title },
        });
      }
      return plain(`${words} words in ${all.length} notes.`);
    },
  );

  server.registerResource(
    "index",
    "notes://index",
    { title: "All notes", description: "The id and title of every note.", mimeType: "text/plain" },
    (uri) => ({
      contents: [{ uri: uri.href, mimeType: "text/plain", text: [...notes.values()].map((note) => `${note.id} ${note.title}`).join("\n") }],
    }),
  );

  server.registerResource(
    "note",
    new ResourceTemplate("notes://note/{id}", {
      list: () => ({ resources: [...notes.values()].map((note) => ({ uri: uriOf(note), name: note.title, title: note.title })) }),
      complete: { id: idsStartingWith },
    }),
    { title: "One note", description: "The text of one note.", mimeType: "text/plain" },
    (uri, { id }) => {
      const note = notes.get(String(id));
      if (!note) throw new Error(`There is no note ${id}.`);
      return { contents: [{ uri: uri.href, mimeType: "text/plain", text: note.text }] };
    },
  );

  server.registerPrompt(
    "summarize",
    {
      title: "Summarize a note",
      description: "Ask for a summary of one note.",
      argsSchema: z.object({ id: completable(z.string().describe("The id of the note."), idsStartingWith) }),
    },
    ({ id }) => {
      const note = notes.get(id);
      if (!note) throw new Error(`There is no note ${id}.`);
      const resource = { uri: uriOf(note), mimeType: "text/plain", text: note.text };
      return {
        messages: [
          { role: "user", content: { type: "resource", resource } },
          { role: "user", content: { type: "text", text: `Summarize the note "${note.title}" in one sentence.` } },
        ],
      };
    },
  );

  return server;
}

serveStdio(makeServer);
