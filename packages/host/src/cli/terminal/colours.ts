import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** Whether a stream is a terminal on which a line can be drawn anew. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== "dumb";
}

/** Whether a stream is a terminal, and nobody set NO_COLOR. */
export function hasColours(stream: NodeJS.WriteStream): boolean {
  return isTerminal(stream) && !process.env.NO_COLOR;
}

/** Paints text where the stream has colours; elsewhere text is left as it is. */
export function painter(stream: NodeJS.WriteStream): (style: Style, text: string) => string {
  // The stream was asked, so styleText need not ask standard output.
  return hasColours(stream) ? (style, text) => styleText(style, text, { validateStream: false }) : (_, text) => text;
}
