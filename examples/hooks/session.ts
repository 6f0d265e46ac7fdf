import { type Caller, definePlugin } from "mcp-host";

/** Shows operators who is here: principal, program and since when. */
export default definePlugin({
  name: "who-is-here",
  host: "^1.0.0",
  apply(host) {
    const here = new Map<string, { session: Caller; since: number }>();
    host.hooks.session.tap("who-is-here", ({ event, session }) => {
      if (event === "closed") here.delete(session.id);
      else here.set(session.id, { session, since: host.clock.now() });
    });
    // Without ids, by which callers are known. What a program calls itself is known once it is initialized.
    const told = () =>
      [...here.values()].map(({ session: { principal, client }, since }) => ({
        who: principal.id,
        program: client.info.name,
        since: new Date(since).toISOString(),
      }));
    host.operator.report(() => ({ clients: told() }));
  },
});
