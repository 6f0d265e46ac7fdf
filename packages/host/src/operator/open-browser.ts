import { spawn } from "node:child_process";
import { isSafeUrl } from "../wire/loopback.ts";

/**
 * Opens a page in the person's browser: as one argument of a program, and never through a shell, which would read the address as more
 * than that. Gives whether there was anything to open it with; whether it did open, nobody can tell.
 */
export function openBrowser(url: string, environment: NodeJS.ProcessEnv = process.env): Promise<boolean> {
  if (!isSafeUrl(url)) return Promise.resolve(false);
  const { href } = new URL(url); // with every character escaped that is more than itself anywhere
  const [command, ...words] = opener(environment);
  if (command === undefined) return Promise.resolve(false);
  return new Promise((resolve) => {
    const child = spawn(command, [...words, href], { stdio: "ignore", detached: true, shell: false });
    child.once("error", () => resolve(false));
    child.once("spawn", () => {
      child.unref();
      resolve(true);
    });
  });
}

function opener({ BROWSER, DISPLAY, WAYLAND_DISPLAY, SSH_CONNECTION }: NodeJS.ProcessEnv): string[] {
  if (BROWSER !== undefined && BROWSER !== "") return [BROWSER];
  if (process.platform === "darwin") return ["open"];
  if (process.platform === "win32") return ["rundll32", "url.dll,FileProtocolHandler"];
  const isSeen = SSH_CONNECTION === undefined && (DISPLAY !== undefined || WAYLAND_DISPLAY !== undefined);
  return isSeen ? ["xdg-open"] : [];
}
