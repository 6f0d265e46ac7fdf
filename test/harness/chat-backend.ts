import { spawn } from "node:child_process";
import { request as httpRequest } from "node:http";
import { join } from "node:path";
import { expect } from "vitest";
import { MARKED, ROOT } from "./hosts.ts";
import type { ScriptedModel } from "./scripted-model.ts";

export const FOLDER = join(ROOT, "examples/chat-backend");

/** What the backend tells its page. */
export interface Told {
  readonly type: string;
  readonly [key: string]: unknown;
}

export interface Chat extends AsyncDisposable {
  readonly url: URL;
  /** Asks one question; gives what happens, line by line. */
  ask(question: string): Promise<Told[]>;
  /** Any request, with headers that `fetch` would not let be set. */
  request(method: string, path: string, headers?: Record<string, string>, body?: string): Promise<{ status: number; body: unknown }>;
}

/** examples/chat-backend/main.mjs in a process of its own. */
export async function chatBackend(model: ScriptedModel, env: Record<string, string> = {}): Promise<Chat> {
  const program = spawn(process.execPath, [join(FOLDER, "main.mjs")], {
    env: { ...process.env, ...MARKED, PORT: "0", OPENAI_BASE_URL: model.url, OPENAI_API_KEY: "a-key", OPENAI_MODEL: "scripted", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let printed = "";
  let said = "";
  program.stdout.on("data", (chunk) => (printed += chunk));
  program.stderr.on("data", (chunk) => (said += chunk));
  const exited = new Promise((done) => program.once("exit", (code, signal) => done({ code, signal })));
  try {
    await expect.poll(() => printed + said).toMatch(/^http:\S+\/$/m);
  } catch (error) {
    program.kill("SIGKILL");
    throw error;
  }
  const url = new URL(printed.trim());
  const chat: Chat = {
    url,
    async ask(question) {
      const body = JSON.stringify({ messages: [{ role: "user", content: question }] });
      const answer = await fetch(new URL("/api/chat", url), { method: "POST", body });
      expect(answer.status).toBe(200);
      return (await answer.text())
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line));
    },
    request: (method, path, headers = {}, body = "") =>
      new Promise((resolve, reject) => {
        const sent = httpRequest(new URL(path, url), { method, headers: { connection: "close", ...headers } }, async (response) => {
          let text = "";
          for await (const chunk of response) text += chunk;
          const isJson = response.headers["content-type"]?.startsWith("application/json");
          resolve({ status: response.statusCode ?? 0, body: isJson ? JSON.parse(text) : text });
        });
        sent.once("error", reject);
        sent.end(body);
      }),
    async [Symbol.asyncDispose]() {
      program.kill("SIGTERM");
      expect(await exited, said).toEqual({ code: 0, signal: null });
    },
  };
  return chat;
}
