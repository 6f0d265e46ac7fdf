import type { WayIn } from "../harness/clients.ts";
import type { WayOut } from "./rig.ts";

export interface Row {
  message: string;
  direction: string;
  duty: string;
  cases: Record<string, string | { title: string; in?: WayIn[]; out?: WayOut[] }>;
}

export const WAYS_IN: WayIn[];
export const WAYS_OUT: WayOut[];
export const rows: Row[];
export function nameOf(row: Row): string;
export function casesOf(row: Row): { key: string; title: string; into: WayIn[]; out: WayOut[] }[];
