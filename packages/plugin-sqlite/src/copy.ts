import { openExisting } from "./database.ts";
import { explained } from "./failure.ts";

/** Milliseconds that a copy waits for who writes. */
const TIMEOUT = 60_000;

/** Writes what a store file holds now into a file that is not there yet, whoever has it open. @throws Error that says what is wrong */
export function copyStore(file: string, to: string): void {
  try {
    const database = openExisting({ file, timeout: TIMEOUT });
    try {
      database.prepare("vacuum into ?").run(to);
    } finally {
      database.close();
    }
  } catch (error) {
    throw new Error(explained(error, file, { timeout: TIMEOUT }), { cause: error });
  }
}
