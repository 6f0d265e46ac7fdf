import { escapedJson } from "../../log.ts";
import { type TraceRecord, TraceRecorder } from "../../operator/trace-record.ts";
import { traceTree } from "../terminal/trace-tree.ts";
import type { LocalClient } from "./local-client.ts";

/**
 * Does something with a host, and tells on standard error afterwards what became of its requests with this method, also
 * where it failed: as trees, or with `json` as a line of JSON each.
 */
export async function traced<T>({ host }: LocalClient, method: string, json: boolean, work: () => Promise<T>): Promise<T> {
  const records: TraceRecord[] = [];
  const recorder = new TraceRecorder(
    (facts) => facts.method === method,
    (record) => records.push(record),
  );
  const stop = host.trace(recorder.listener);
  try {
    return await work();
  } finally {
    stop();
    for (const record of records) process.stderr.write(json ? `${escapedJson(record)}\n` : traceTree(record, process.stderr));
  }
}
