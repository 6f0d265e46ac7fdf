import { numberOf } from "../database.ts";
import { type Context, megabytes, withFile } from "./target.ts";

/** `mcp-host sqlite vacuum`; a command as citty has them. */
export default {
  meta: { name: "vacuum", description: "Remove what is over from the store file, and give back the room that it does not need" },
  args: { json: { type: "boolean", description: "Print JSON" } },
  run(context: Context): void {
    const done = withFile(context, (database, file) => {
      // In pages, and not the bytes of files: the log beside is emptied when those who read meanwhile are done.
      const size = (): number => numberOf(database, "pragma page_count") * numberOf(database, "pragma page_size");
      const before = size();
      const now = Date.now();
      database.exec(`delete from entries where expires <= ${now}; delete from leases where expires <= ${now}`);
      database.exec("vacuum");
      database.exec("pragma wal_checkpoint(truncate)");
      return { file, before, after: size() };
    });
    const { file, before, after } = done;
    process.stdout.write(
      context.args.json ? `${JSON.stringify(done, undefined, 2)}\n` : `${file}: ${megabytes(before)} before, ${megabytes(after)} after\n`,
    );
  },
};
