import { vi } from "vitest";
import { browse } from "../fixtures/authorization.mjs";
import { type Home, type Output, start } from "./cli.ts";

/** `mcp-host login`, with somebody who goes where it says. */
export async function login(at: Home, server: string): Promise<Output> {
  await using running = start(at, ["login", server, "--no-browser"]);
  await vi.waitFor(() => {
    if (!running.stdout().startsWith("http")) throw new Error(`no page: ${running.stderr()}`);
  }, 20_000);
  await browse(running.stdout().split("\n")[0] as string);
  return await running.exited; // before it is ended
}
