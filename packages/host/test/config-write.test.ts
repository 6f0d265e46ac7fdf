import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { backUp, history, restore } from "../dist/config/backup.js";
import { editConfig } from "../dist/config/write.js";

let folder: string;
const { XDG_STATE_HOME } = process.env;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mcp-host-test-"));
  process.env.XDG_STATE_HOME = join(folder, "state");
});
afterEach(() => {
  if (XDG_STATE_HOME === undefined) delete process.env.XDG_STATE_HOME;
  else process.env.XDG_STATE_HOME = XDG_STATE_HOME;
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, text: string, mode = 0o600): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  chmodSync(path, mode);
  return path;
}

const NEW = { path: ["mcpServers", "new"], value: { command: "node", args: ["x.js"] } };

test.each([
  [
    "c.json",
    '{\n\t"mcpServers": {\n\t\t"a": {\n\t\t\t"command": "a" // mine\n\t\t}\n\t}\n}\n',
    '{\n\t"mcpServers": {\n\t\t"a": {\n\t\t\t"command": "a" // mine\n\t\t},\n\t\t"new": {\n\t\t\t"command": "node",\n\t\t\t"args": [\n\t\t\t\t"x.js"\n\t\t\t]\n\t\t}\n\t}\n}\n',
  ],
  [
    "c.jsonc",
    '{\r\n    // why\r\n    "mcpServers": {} /* none */\r\n}',
    '{\r\n    // why\r\n    "mcpServers": {\r\n        "new": {\r\n            "command": "node",\r\n            "args": [\r\n                "x.js"\r\n            ]\r\n        }\r\n    } /* none */\r\n}',
  ],
  [
    "c.yaml",
    "# the servers\nmcpServers:\n  a:\n    command: a # mine\n",
    "# the servers\nmcpServers:\n  a:\n    command: a # mine\n  new:\n    command: node\n    args:\n      - x.js\n",
  ],
  ["c.yml", "", "mcpServers:\n  new:\n    command: node\n    args:\n      - x.js\n"],
])("%s is changed in one place, with its comments and its layout kept", async (name, before, after) => {
  const path = write(name, before, 0o640);
  const written = await editConfig(path, [NEW]);
  expect(readFileSync(path, "utf8")).toBe(after);
  expect(written).toMatchObject({ before, after });
  expect(readFileSync(written.backup ?? "", "utf8")).toBe(before);
  expect(statSync(path).mode & 0o777).toBe(0o640);
  expect(statSync(written.backup ?? "").mode & 0o777).toBe(0o600);
  const removed = await editConfig(path, [{ path: NEW.path, value: undefined }]);
  expect(removed.after).not.toContain("x.js");
  expect(readdirSync(folder).filter((file) => file.endsWith(".tmp"))).toEqual([]);
});

test("a file that is not there is made, for its owner alone; one that would stay the same is not touched", async () => {
  const path = join(folder, "deep/new.json");
  expect(await editConfig(path, [NEW])).toMatchObject({ before: undefined, backup: undefined });
  expect(JSON.parse(readFileSync(path, "utf8"))).toEqual({ mcpServers: { new: NEW.value } });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  const { mtimeMs } = statSync(path);
  expect(await editConfig(path, [])).toMatchObject({ backup: undefined });
  expect(statSync(path).mtimeMs).toBe(mtimeMs);
});

test("a link stays a link, and the file behind it is written", async () => {
  const path = write("real.json", "{}");
  symlinkSync(path, join(folder, "link.json"));
  await editConfig(join(folder, "link.json"), [NEW]);
  expect(readFileSync(path, "utf8")).toContain("x.js");
  expect(
    readdirSync(folder, { withFileTypes: true })
      .find(({ name }) => name === "link.json")
      ?.isSymbolicLink(),
  ).toBe(true);
  expect(await history(path)).toHaveLength(1);
});

test.each([
  ["c.toml", "a = 1", /a TOML file cannot be written back/],
  ["c.ts", "export default {}", /a config in code is for you alone to change/],
  ["c.json", '{"a": }', /^1:7: /],
  ["c.yaml", "a: [", /^\d+:\d+: /],
  ["c.json", '{"mcpServers": "x"}', /^mcpServers\.new: cannot be written/],
  ["c.yaml", "mcpServers: x", /^mcpServers\.new: cannot be written/],
])("%s with %j is refused and stays as it is", async (name, text, expected) => {
  const path = write(name, text);
  await expect(editConfig(path, [NEW])).rejects.toMatchObject({ problems: [expect.stringMatching(expected)] });
  expect(readFileSync(path, "utf8")).toBe(text);
  expect(await history(path)).toEqual([]);
});

test("the twenty newest backups are kept, and each can be restored", async () => {
  const path = write("c.json", "0");
  for (let count = 1; count <= 25; count++) {
    await backUp(path);
    writeFileSync(path, String(count));
  }
  const backups = await history(path);
  expect(backups.map(({ path: copy }) => readFileSync(copy, "utf8"))).toEqual(Array.from({ length: 20 }, (_, index) => String(24 - index)));
  expect(await restore(path, 3, true)).toMatchObject({ before: "25", after: "22", backup: undefined });
  expect(readFileSync(path, "utf8")).toBe("25");
  await restore(path, 3);
  expect(readFileSync(path, "utf8")).toBe("22");
  await restore(path, 1); // what was there before the restore
  expect(readFileSync(path, "utf8")).toBe("25");
  await expect(restore(path, 21)).rejects.toThrow("there is no backup 21");
  expect(await backUp(join(folder, "nowhere.json"))).toBeUndefined();
  await expect(restore(join(folder, "nowhere.json"), 1)).rejects.toThrow("it has none");
});
