import type { Socket } from "node:net";
import { PassThrough, type Readable } from "node:stream";
import type { FrameOutput } from "../wire/frame-writer.ts";

/** How clients come in over the control socket: as one over standard input and output does, and with no more rights. */
export interface ClientDoor {
  /** @throws Error unless a plugin has opened the endpoint */
  checkEndpoint(name: string): void;
  /** What such a client should know of who it is here. */
  note(): string | undefined;
  /** Serves one client; resolves when it is gone. */
  serve(streams: { input: Readable; output: FrameOutput; endpoint: string | undefined }): Promise<void>;
}

/**
 * Has a connection carry the frames of a client from here on, once the line that agrees to it is written.
 * @throws Error where it cannot be
 */
export function admitClient(socket: Socket, endpoint: unknown, door: ClientDoor): void {
  if (endpoint !== undefined && typeof endpoint !== "string") throw new Error('"endpoint" must be a text');
  if (endpoint !== undefined) door.checkEndpoint(endpoint);
  socket.setTimeout(0);
  const input = new PassThrough(); // frames are bytes, and the question before them was read as text
  socket.pipe(input);
  socket.once("close", () => input.destroy());
  socket.write(`${JSON.stringify({ result: { note: door.note() } })}\n`);
  const end = (): void => void socket.end();
  door.serve({ input, output: socket, endpoint }).then(end, end);
}
