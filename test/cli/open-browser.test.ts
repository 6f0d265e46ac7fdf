import { chmodSync, existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { openBrowser } from "mcp-host";
import { describe, expect, test, vi } from "vitest";
import { temporary } from "../harness/hosts.ts";

describe("what opens pages", () => {
  test.each(["file:///etc/passwd", "javascript:alert(1)", "http://login.example/", "https://user:secret@login.example/", "--version", ""])(
    "is not started for %s",
    async (url) => {
      using folder = temporary();
      const told = join(folder.path, "told");
      expect(await openBrowser(url, { BROWSER: script(folder.path, told) })).toBe(false);
      expect(existsSync(told)).toBe(false);
    },
  );

  test("is given the address as one argument, whatever is in it", async () => {
    using folder = temporary();
    const told = join(folder.path, "told");
    const url = 'https://login.example/a b?x=$(touch /tmp/x)&y=`id`&z=%PATH%&q="quoted"\'\n--flag';
    expect(await openBrowser(url, { BROWSER: script(folder.path, told) })).toBe(true);
    await vi.waitFor(() => expect(existsSync(told) && readFileSync(told, "utf8")).toMatch(/^1\nhttps:\/\/login\.example\/a%20b\?\S+\n$/));
  });

  test("is not there over SSH, without a display, or where it cannot be run", async () => {
    const url = "https://login.example/";
    if (process.platform === "linux") {
      expect(await openBrowser(url, {})).toBe(false);
      expect(await openBrowser(url, { DISPLAY: ":0", SSH_CONNECTION: "a b c d" })).toBe(false);
    }
    expect(await openBrowser(url, { BROWSER: "/nowhere/at/all" })).toBe(false);
  });

  function script(folder: string, told: string): string {
    const file = join(folder, "browser.sh");
    writeFileSync(file, `#!/bin/sh\nprintf '%s\\n' "$#" "$1" > ${told}.part && mv ${told}.part ${told}\n`);
    chmodSync(file, 0o700);
    return file;
  }
});
