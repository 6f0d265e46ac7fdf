import { EXIT, type ExitCode } from "./exit.ts";

/** A signal ended the command. */
export class Interrupted extends Error {
  readonly code: ExitCode;
  constructor(code: ExitCode) {
    super("interrupted");
    this.code = code;
  }
}

/** The first signal ends the command in order, children included; a second one at once. */
export function interruption(): { promise: Promise<never>; expected(): void; stop(): void } {
  const codes = { SIGINT: EXIT.interrupted.code, SIGTERM: EXIT.terminated.code, SIGHUP: EXIT.hangup.code };
  let ending = false;
  let reject!: (error: Interrupted) => void;
  const promise = new Promise<never>((_, fail) => {
    reject = fail;
  });
  promise.catch(() => {}); // nobody may be waiting any more
  const handlers = Object.entries(codes).map(([signal, code]) => {
    const handler = (): void => {
      if (ending) process.exit(code);
      ending = true;
      reject(new Interrupted(code));
    };
    process.on(signal, handler);
    return [signal, handler] as const;
  });
  return {
    promise,
    expected: () => {
      ending = true;
    },
    stop: () => {
      for (const [signal, handler] of handlers) process.off(signal, handler);
    },
  };
}
