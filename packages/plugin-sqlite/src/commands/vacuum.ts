import { logOf } from "../database.ts";
import { bytesOf, type Context, megabytes, withFile } from "./target.ts";

/** `mcp-host sqlite vacuum`; a command as citty has them. */
export default {
  meta: { name: "vacuum", description: "Remove what is over from the store file, and give back the room that it does not need" },
  args: { json: { type: "boolean", description: "Print JSON" } },
  run(context: Context): void {
    const done = withFile(context, (database, file) => {
      const size = (): number => bytesOf(file) + bytesOf(logOf(database));
      const before = size();
      const now = Date.now();
      database.exec(`delete from entries where expires <= ${now}; delete from leases where expires <= ${now}`);
      database.exec("vacuum");
      // What was written anew is in the log until this; whoever reads meanwhile is waited for.
      database.exec("pragma wal_checkpoint(truncate)");
      return { file, before, after: size() };
    });
    const { file, before, after } = done;
    process.stdout.write(
      context.args.json ? `${JSON.stringify(done, undefined, 2)}\n` : `${file}: ${megabytes(before)} before, ${megabytes(after)} after\n`,
    );
  },
};
