import { connect } from "node:net";
import { CONTROL_DEADLINE, type ControlAnswer, type ControlStatus, controlAddress, runningHosts } from "./control.ts";

const ANSWER_BYTES = 64 * 1024 * 1024;

/** The status of every running host of this user; one that does not answer is left out. */
export async function askAll(): Promise<ControlStatus[]> {
  const answers = await Promise.all(runningHosts().map((pid) => ask(pid).catch(() => undefined)));
  return answers.filter((status) => status !== undefined);
}

/** Asks one running host for its status. @throws Error when it does not answer in time */
export function ask(pid: number): Promise<ControlStatus> {
  return new Promise((resolve, reject) => {
    const socket = connect(controlAddress(pid));
    let text = "";
    const fail = (reason: string): void => {
      socket.destroy();
      reject(new Error(`the host with pid ${pid} ${reason}`));
    };
    socket.setEncoding("utf8");
    socket.setTimeout(CONTROL_DEADLINE, () => fail(`did not answer within ${CONTROL_DEADLINE} ms`));
    socket.on("error", (error) => fail(`cannot be asked: ${error.message}`));
    socket.on("connect", () => socket.write(`${JSON.stringify({ command: "status" })}\n`));
    socket.on("data", (chunk: string) => {
      text += chunk;
      if (text.length > ANSWER_BYTES) fail("answers without an end");
    });
    socket.on("end", () => {
      try {
        const answer = JSON.parse(text) as ControlAnswer; // a host of this user's wrote it
        if ("error" in answer) fail(answer.error);
        else resolve(answer.status);
      } catch {
        fail("gave an answer that is not JSON");
      }
    });
  });
}
