export function regexesIn(text: string, file: string): { file: string; line: number; source?: string; flags?: string }[];
export function growthOf(source: string, flags: string): Promise<string>;
