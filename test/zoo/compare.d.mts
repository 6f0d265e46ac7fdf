/** What one visit to a server found; see visit.mjs. */
export interface Account {
  capabilities: Record<string, object>;
  lists: Record<string, { entries?: unknown[]; error?: { code: number; message: string }; incomplete?: string }>;
  [more: string]: unknown;
}

export declare function compare(alone: Account, through: Account, settle: (value: unknown, key?: string) => unknown): string[];
