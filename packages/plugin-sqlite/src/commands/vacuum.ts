import { logOf } from "../database.ts";
import { bytesOf, type Context, megabytes, withFile } from "./target.ts";

/** How often the log is emptied at most, where others use the file: each time they are waited for as long as for any lock. */
const TRIES = 10;

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
      // What was written anew is in the log until it is copied; whoever reads meanwhile is waited for, and somebody may read again.
      for (let tries = 0; tries < TRIES && database.prepare("pragma wal_checkpoint(truncate)").get()?.busy !== 0; tries++);
      return { file, before, after: size() };
    });
    const { file, before, after } = done;
    process.stdout.write(
      context.args.json ? `${JSON.stringify(done, undefined, 2)}\n` : `${file}: ${megabytes(before)} before, ${megabytes(after)} after\n`,
    );
  },
};
