/** A word of a unit in quotation marks. */
export function quoted(text: string): string {
  return `"${specifiers(text.replace(/["\\]/g, "\\$&"))}"`;
}

/** `%` begins a specifier in a unit. */
export function specifiers(text: string): string {
  return text.replaceAll("%", "%%");
}
