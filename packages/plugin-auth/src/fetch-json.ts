import { type Json, proxiedFetch } from "mcp-host";

/** What is never needed is never read. */
const MAX_BYTES = 256 * 1024;

/**
 * A JSON object from a URL of the operator's, within time and size. Redirects are not followed: the operator named one server.
 * @param timeout milliseconds
 * @throws Error without anything of the body
 */
export async function fetchJson(url: string, timeout: number, init: RequestInit = {}): Promise<{ status: number; body: Json }> {
  const response = await proxiedFetch(url, { ...init, redirect: "error", signal: AbortSignal.timeout(timeout) });
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of response.body ?? []) {
    size += chunk.length;
    if (size > MAX_BYTES) throw new Error(`the answer is larger than ${MAX_BYTES} bytes`);
    chunks.push(chunk);
  }
  let body: unknown;
  try {
    body = JSON.parse(Buffer.concat(chunks).toString("utf8"));
  } catch {
    throw new Error(`the answer (HTTP ${response.status}) is not JSON`);
  }
  if (typeof body !== "object" || body === null || Array.isArray(body))
    throw new Error(`the answer (HTTP ${response.status}) is no JSON object`);
  return { status: response.status, body: body as Json };
}
