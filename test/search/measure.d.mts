export interface Listed {
  readonly name: string;
}

export interface Task {
  readonly task: string;
  readonly tools: readonly string[];
}

interface Ranks {
  tasks: number;
  first: number;
  amongFive: number;
}

export interface Measured {
  tools: number;
  tokens: { list: number; search: number; answer: number };
  some: { tools: number; list: number };
  tasks: Ranks;
  others: Ranks;
}

export const TASKS: readonly Task[];
export const OTHERS: readonly Task[];

export function measure(what: {
  list: readonly object[];
  search: readonly object[];
  call: (name: string, args: Record<string, unknown>) => Promise<string>;
  nameOf: (key: string) => string;
}): Promise<Measured>;
