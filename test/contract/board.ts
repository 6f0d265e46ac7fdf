import { definePlugin, type Json } from "mcp-host";
import { z } from "zod";

/** A page that says who asks and what was noted, a public one, and a command that notes something. */
export default definePlugin({
  name: "board",
  version: "1.0.0",
  host: "^1.0.0",
  options: z.strictObject({
    path: z
      .string()
      .regex(/^\/[\w/-]*\w$/)
      .default("/board"),
    admins: z.array(z.string()).default([]),
  }),
  apply(host, { path, admins }) {
    const notes: { text: string; who: string }[] = [];
    host.operator.operation(
      "note",
      ({ text }, who) => {
        if (notes.push({ text, who }) > 100) notes.shift();
        return { notes: notes.length };
      },
      { description: "Puts a note on the board.", params: z.strictObject({ text: z.string().max(1_000) }) },
    );
    host.operator.report(() => ({ notes: notes.length }));
    host.hooks.http.tap("board", (app, publicApp) => {
      publicApp.get(`${path}/public`, (context) => context.text(`${notes.length} notes`));
      app.get(path, (context) => {
        const principal = host.principal(context);
        return context.json({ who: principal?.id, roles: principal?.roles, notes });
      });
      app.get(`${path}/operations`, (context) => context.json(host.operator.list()));
      app.post(`${path}/operations/:name`, async (context) => {
        const principal = host.principal(context);
        if (!principal || !admins.includes(principal.id)) return context.json({ error: "only admins may" }, 403);
        try {
          const params: Json = await context.req.json();
          return context.json(await host.operator.run(context.req.param("name"), params, principal));
        } catch (error) {
          return context.json({ error: error instanceof Error ? error.message : String(error) }, 400);
        }
      });
    });
  },
  commands: { note: () => import("./board-command.ts") },
});
