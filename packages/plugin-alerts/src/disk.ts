import { statfs } from "node:fs/promises";
import { resolve } from "node:path";
import type { PluginHost } from "mcp-host";
import type { Condition, Watch } from "./kind.ts";
import type { RuleOf } from "./rules.ts";
import { bytesOf, percentOf, plain } from "./words.ts";

export function disk(host: Pick<PluginHost, "folder">, { paths, below }: RuleOf<"disk">): Watch {
  return {
    async read() {
      return { conditions: await Promise.all(paths.map((path) => look(resolve(host.folder, path), below))) };
    },
  };
}

async function look(path: string, below: RuleOf<"disk">["below"]): Promise<Condition> {
  const labels = { path: plain(path, 200) };
  try {
    const { bavail, blocks, bsize } = await statfs(path);
    const [free, all] = [bavail * bsize, blocks * bsize];
    const least = "share" in below ? below.share * all : below.bytes;
    const summary = plain(`the disk of ${path} has ${bytesOf(free)} left of ${bytesOf(all)} (${percentOf(all > 0 ? free / all : 0)})`);
    return { subject: path, is: free < least ? "bad" : "good", summary, labels };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException; // statfs throws these
    return { subject: path, is: "bad", summary: plain(`the disk of ${path} cannot be looked at (${code})`), labels };
  }
}
