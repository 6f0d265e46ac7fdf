import { escaped } from "../question.ts";

/** Prints what an operation gave, as JSON or in words. */
export function print(given: unknown, words: string, { json }: { json?: boolean | undefined }): void {
  process.stdout.write(json ? `${escaped(JSON.stringify(given))}\n` : words);
}
