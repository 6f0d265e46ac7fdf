import { definePlugin, defineTool, type Offering } from "mcp-host";
import { z } from "zod";

const url = (title: string): string => `notes:///${encodeURIComponent(title)}`;

/** A notebook that all clients of the host share. There is no server behind it: the plugin offers it itself. */
export default definePlugin({
  name: "notebook",
  version: "1.0.0",
  host: "^1.0.0",
  apply(host) {
    const notes = new Map<string, string>();
    const titles = (start: string): string[] => [...notes.keys()].filter((title) => title.startsWith(start));

    const write = defineTool({
      description: "Writes a note, or writes one anew.",
      input: z.object({ title: z.string().min(1).max(100), text: z.string().max(10_000) }),
      call({ title, text }) {
        if (notes.size >= 1_000 && !notes.has(title)) return { content: [{ type: "text", text: "the notebook is full" }], isError: true };
        notes.set(title, text);
        offered.update(offering()); // clients hear of another list of resources, if it is one
        offered.updated(url(title));
        return `"${title}" is written`;
      },
    });

    const find = defineTool({
      description: "Finds the notes that hold a word.",
      input: z.object({ word: z.string(), limit: z.int().positive().default(10) }),
      output: z.object({ titles: z.array(z.string()) }),
      annotations: { readOnlyHint: true },
      call({ word, limit }, { log }) {
        const found = [...notes].filter(([, text]) => text.includes(word)).map(([title]) => title);
        log("info", `${found.length} of ${notes.size} notes hold "${word}"`);
        return { structuredContent: { titles: found.slice(0, limit) } };
      },
    });

    const offering = (): Offering => ({
      tools: { write_note: write, find_notes: find },
      prompts: {
        review: {
          description: "Asks for a review of a note.",
          arguments: { title: { required: true, complete: titles } },
          get: ({ title = "" }) => `What could be better in this note?\n\n${notes.get(title) ?? "(there is none of this title)"}`,
        },
      },
      resources: Object.fromEntries(
        [...notes.keys()].map((title) => [url(title), { name: title, mimeType: "text/plain", read: () => notes.get(title) ?? "" }]),
      ),
      templates: {
        "notes:///{title}": {
          name: "note",
          mimeType: "text/plain",
          complete: { title: titles },
          read: (_uri, { title = "" }) => notes.get(title) ?? "",
        },
      },
    });
    const offered = host.offer(offering());
  },
});
