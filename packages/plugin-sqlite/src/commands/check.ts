import type { DatabaseSyncInstance } from "@photostructure/sqlite";
import { logOf, numberOf, rowsOf } from "../database.ts";
import { bytesOf, type Context, megabytes, withFile } from "./target.ts";

/** So many faults are told. */
const MAX_FAULTS = 20;

interface Findings {
  readonly file: string;
  readonly ok: boolean;
  readonly faults: readonly string[];
  readonly bytes: number;
  readonly freeBytes: number;
  readonly logBytes: number;
  readonly values: number;
  readonly expired: number;
  readonly leases: number;
  readonly messages: number;
}

/** `mcp-host sqlite check`; a command as citty has them. */
export default {
  meta: { name: "check", description: "Check the store file: whether it is sound, and what is in it" },
  args: { json: { type: "boolean", description: "Print JSON" } },
  run(context: Context): void {
    const findings = withFile(context, find);
    process.stdout.write(context.args.json ? `${JSON.stringify(findings, undefined, 2)}\n` : described(findings));
    if (!findings.ok) throw new Error(`the store file ${findings.file} is damaged; put a copy in its place, or remove it to begin anew`);
  },
};

function find(database: DatabaseSyncInstance, file: string): Findings {
  const faults = rowsOf(database, `pragma integrity_check(${MAX_FAULTS})`)
    .all()
    .map(([fault]: [string]) => fault)
    .filter((fault: string) => fault !== "ok");
  const count = (what: string): number => (faults.length > 0 ? 0 : numberOf(database, `select count(*) from ${what}`));
  const now = Date.now();
  const page = numberOf(database, "pragma page_size");
  return {
    file,
    ok: faults.length === 0,
    faults,
    bytes: bytesOf(file),
    freeBytes: numberOf(database, "pragma freelist_count") * page,
    logBytes: bytesOf(logOf(database)),
    values: count(`entries where expires is null or expires > ${now}`),
    expired: count(`entries where expires <= ${now}`),
    leases: count(`leases where expires > ${now}`),
    messages: count("messages"),
  };
}

function described({ file, ok, faults, bytes, freeBytes, logBytes, values, expired, leases, messages }: Findings): string {
  if (!ok) return `${faults.join("\n")}\n`;
  return [
    `${file} is sound`,
    `${megabytes(bytes)}, of which ${megabytes(freeBytes)} are free; ${megabytes(logBytes)} in the log beside it`,
    `${values} values, ${expired} that are over and wait to be removed, ${leases} leases, ${messages} messages`,
    "",
  ].join("\n");
}
