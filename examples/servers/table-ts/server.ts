/**
 * A small MCP server that asks back: it books tables that live as long as the process. It speaks MCP 2026-07-28 and nothing older.
 * Run it with `node --import jiti/register server.ts`.
 */
import { acceptedContent, inputRequired, inputResponse, McpServer } from "@modelcontextprotocol/server";
import { serveStdio } from "@modelcontextprotocol/server/stdio";
import { z } from "zod";

/** Seats of each table. */
const TABLES: Readonly<Record<string, number>> = { window: 2, garden: 4, hall: 10 };

/** What the person is asked. */
const Party = z.object({ guests: z.number().int().min(1).max(10), name: z.string().min(1) });

/** Whose each table is, by day. */
const booked = new Map<string, string>();

const plain = (text: string) => ({ content: [{ type: "text" as const, text }] });
const freeOn = (day: string) => Object.keys(TABLES).filter((table) => !booked.has(`${day} ${table}`));

function makeServer(): McpServer {
  const server = new McpServer({ name: "tables", title: "Tables", version: "1.0.0" });

  server.registerTool(
    "free_tables",
    {
      title: "Free tables",
      description: "The tables that are free on a day, with their seats.",
      inputSchema: z.object({ day: z.iso.date() }),
      annotations: { readOnlyHint: true },
    },
    ({ day }) =>
      plain(
        freeOn(day)
          .map((table) => `${table}: ${TABLES[table]}`)
          .join("\n") || "None.",
      ),
  );

  server.registerTool(
    "book_table",
    {
      title: "Book a table",
      description: "Books the smallest table that is free on a day and large enough. Asks the person for how many, and under which name.",
      inputSchema: z.object({ day: z.iso.date() }),
      annotations: { destructiveHint: false },
    },
    ({ day }, { mcpReq: { inputResponses } }) => {
      // Nothing is kept between the questions and the request that brings the answers: it has the same arguments.
      const answer = inputResponse(inputResponses, "party");
      const party = acceptedContent(inputResponses, "party", Party);
      if (answer.kind === "elicit" && answer.action !== "accept") return plain("Nothing was booked.");
      if (!party) {
        const question = inputRequired.elicit({
          message: `A table on ${day}: for how many, and under which name?`,
          requestedSchema: Party,
        });
        return inputRequired({ inputRequests: { party: question } });
      }
      const table = freeOn(day).find((free) => (TABLES[free] ?? 0) >= party.guests);
      if (table === undefined) return { ...plain(`No table for ${party.guests} is free on ${day}.`), isError: true };
      booked.set(`${day} ${table}`, party.name);
      return plain(`The table "${table}" is ${party.name}'s on ${day}.`);
    },
  );

  return server;
}

serveStdio(makeServer, { legacy: "reject" });
