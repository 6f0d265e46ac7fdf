type Way = "http" | "stdio" | "memory";
type WayOut = "http" | "stdio" | "memory" | "sse" | "websocket";

export interface Row {
  message: string;
  direction: string;
  duty: string;
  cases: Record<string, string | { title: string; in?: Way[]; out?: WayOut[] }>;
}

export const rows: Row[];
export const WAYS_OUT: WayOut[];
export function nameOf(row: Row): string;
export function casesOf(row: Row): { key: string; title: string; into: Way[]; out: WayOut[] }[];
