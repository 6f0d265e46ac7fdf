import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

// Hosts that the tests of a file start keep their state apart from everybody else's.
const folder = mkdtempSync(join(tmpdir(), "mcp-host-state-"));
process.env.XDG_STATE_HOME = folder;
process.on("exit", () => rmSync(folder, { recursive: true, force: true }));
