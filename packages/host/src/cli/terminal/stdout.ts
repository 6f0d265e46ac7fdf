import type { FrameOutput } from "../../wire/frame-writer.ts";

/**
 * Makes standard output carry what is written to the stream that this gives, and nothing else: whatever prints there (console, a plugin)
 * goes to standard error from now on. One stray line would break a client's protocol, or a program's JSON.
 */
export function claimStdout(): FrameOutput {
  const { stdout, stderr } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = stderr.write.bind(stderr) as typeof stdout.write; // the same signature on the other stream
  return {
    get writable() {
      return stdout.writable;
    },
    get writableLength() {
      return stdout.writableLength;
    },
    write: (text, encoding) => write(text, encoding),
    once: (event, listener) => stdout.once(event, listener),
  };
}
