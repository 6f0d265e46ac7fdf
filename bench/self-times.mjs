// Where the time of a CPU profile went: self time by file and by function.
import { fileURLToPath } from "node:url";

/** What V8 names in brackets is no code of ours or of Node's: the collector, the machine below, waiting. */
const IDLE = "(idle)";

/**
 * Milliseconds by file and by function, most first, from `from` ms after the profile began until it ended; `busy` is all but
 * waiting. Files are named below `root`, packages by their name.
 */
export function selfTimes({ nodes, samples, timeDeltas, startTime }, from, root) {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]));
  const files = new Map();
  const functions = new Map();
  const add = (map, key, ms) => map.set(key, (map.get(key) ?? 0) + ms);
  let now = startTime;
  let busy = 0;
  for (const [i, id] of samples.entries()) {
    now += timeDeltas[i];
    if (now - startTime < from * 1000) continue;
    const { functionName, url, lineNumber } = frames.get(id);
    if (functionName === IDLE) continue;
    // A sample's time runs until the next one.
    const ms = (timeDeltas[i + 1] ?? 0) / 1000;
    busy += ms;
    const file = nameOf(url, functionName, root);
    add(files, file, ms);
    add(functions, url ? `${functionName || "(anonymous)"} ${file}:${lineNumber + 1}` : file, ms);
  }
  return { files: sorted(files), functions: sorted(functions), busy };
}

function nameOf(url, functionName, root) {
  if (!url) return functionName.startsWith("(") ? functionName : `(native) ${functionName}`;
  if (!url.startsWith("file:")) return url;
  const path = fileURLToPath(url);
  const [, inModules] = /.*\/node_modules\/(.+)$/.exec(path) ?? [];
  return inModules ?? (path.startsWith(root) ? path.slice(root.length + 1) : path);
}

const sorted = (map) => [...map].map(([name, ms]) => ({ name, ms })).sort((a, b) => b.ms - a.ms);
