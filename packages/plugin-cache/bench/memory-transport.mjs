/** A server in this process: a transport for a host's upstream, which answers requests with `answer(method, params)`. */
export function server(answer) {
  return () => ({
    async start() {},
    async close() {
      this.onclose?.();
    },
    async send({ id, method, params }) {
      if (id === undefined) return;
      const result = await answer(method, params);
      // As on a wire, what comes back comes later.
      queueMicrotask(() => this.onmessage?.({ jsonrpc: "2.0", id, result }));
    },
  });
}

/** A client in this process: connect the host to its `transport`. */
export function client() {
  const waiting = new Map();
  let id = 0;
  const transport = {
    async start() {},
    async close() {
      transport.onclose?.();
    },
    async send(message) {
      const { resolve, reject } = waiting.get(message.id) ?? {};
      waiting.delete(message.id);
      if (message.error) reject?.(new Error(message.error.message));
      else resolve?.(message.result);
    },
  };
  const request = (method, params) =>
    new Promise((resolve, reject) => {
      waiting.set(++id, { resolve, reject });
      transport.onmessage({ jsonrpc: "2.0", id, method, params });
    });
  return {
    transport,
    request,
    async initialize() {
      await request("initialize", { protocolVersion: "2025-11-25", capabilities: {}, clientInfo: { name: "workload", version: "1" } });
      transport.onmessage({ jsonrpc: "2.0", method: "notifications/initialized" });
    },
  };
}
