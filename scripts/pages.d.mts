export function pages(): Promise<{ file: string; current: string; wanted: string }[]>;
