import type { Options } from "./options.ts";
import { SIGNALS, type Signal } from "./tally.ts";

/** Where each signal goes; what is not told is not among them. */
export function destinationsOf(options: Pick<Options, "endpoint" | Signal>): Partial<Record<Signal, string>> {
  const { endpoint } = options;
  return Object.fromEntries(
    SIGNALS.flatMap((signal) => {
      const settings = options[signal];
      if (settings === false) return [];
      const url = settings.url ?? (endpoint === "" ? "" : below(endpoint, `v1/${signal}`));
      return url === "" ? [] : [[signal, url]];
    }),
  );
}

function below(endpoint: string, path: string): string {
  const url = new URL(endpoint);
  url.pathname = url.pathname.endsWith("/") ? `${url.pathname}${path}` : `${url.pathname}/${path}`;
  return url.href;
}
