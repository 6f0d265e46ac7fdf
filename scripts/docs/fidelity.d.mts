export const FILE: URL;
export function page(): string;
