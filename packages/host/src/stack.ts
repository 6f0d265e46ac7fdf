import { dirname, join, sep } from "node:path";
import { pathToFileURL } from "node:url";

/** Frames of one stack that are told. */
const MOST = 8;
/** Characters of a stack that are looked at: a message, which comes first, may be as long as it likes. */
const LOOKED_AT = 32_768;

/** What is nobody's fault but ours: the host's own files, built or not, the libraries that run its taps and routes, Node's, and what is in no file. */
const root = dirname(import.meta.dirname);
const OURS = [
  ...["dist", "src"].flatMap((folder) => [join(root, folder) + sep, `${pathToFileURL(join(root, folder)).href}/`]),
  ...["tapable", "hono", "@hono"].flatMap((name) => [`/node_modules/${name}/`, `\\node_modules\\${name}\\`]),
  "node:internal/",
  "(node:",
  "(<anonymous>)",
];

/**
 * Where an error was thrown: functions with file and line, the innermost first, without the host's own; empty where there are none.
 * Never throws, whatever was thrown.
 */
export function framesOf(error: unknown): readonly string[] {
  try {
    const stack = error instanceof Error ? (error.stack as unknown) : undefined; // anybody may have put anything there
    if (typeof stack !== "string") return [];
    return stack
      .slice(-LOOKED_AT)
      .split("\n")
      .filter((line) => line.startsWith("    at ") && !OURS.some((part) => line.includes(part)))
      .slice(0, MOST)
      .map((line) => tidy(line.slice("    at ".length)));
  } catch {
    return [];
  }
}

/** File and line of a frame: "apply (/a.ts:1:2)", or without a function's name and brackets. */
export function placeOf(frame: string): string {
  return frame.slice(frame.lastIndexOf(frame.endsWith(")") ? "(" : " ") + 1).replace(")", "");
}

/** A path that an editor opens: no URL, and without the mark that tells versions of a plugin's file apart. */
function tidy(frame: string): string {
  return frame.replace(process.platform === "win32" ? "file:///" : "file://", "").replace(/\?content=[0-9a-f]{32}(?=:)/, "");
}
