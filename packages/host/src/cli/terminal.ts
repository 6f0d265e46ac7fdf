import { styleText } from "node:util";

export type Style = "bold" | "dim" | "red" | "yellow" | "green";

/** Whether a stream is a terminal on which a line can be drawn anew. */
export function isTerminal(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY === true && process.env.TERM !== "dumb";
}

/** Paints text where the stream is a terminal and nobody set NO_COLOR; elsewhere text is left as it is. */
export function painter(stream: NodeJS.WriteStream): (style: Style, text: string) => string {
  return isTerminal(stream) && !process.env.NO_COLOR ? (style, text) => styleText(style, text) : (_, text) => text;
}
