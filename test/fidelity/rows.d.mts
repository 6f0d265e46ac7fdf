type Way = "http" | "stdio" | "memory";

export interface Row {
  message: string;
  direction: string;
  duty: string;
  cases: Record<string, string | { title: string; in?: Way[]; out?: Way[] }>;
}

export const rows: Row[];
export function nameOf(row: Row): string;
export function casesOf(row: Row): { key: string; title: string; into: Way[]; out: Way[] }[];
