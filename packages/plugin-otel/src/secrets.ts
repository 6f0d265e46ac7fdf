/** What of the headers must not turn up in the log. */
export function secretsOf(headers: Readonly<Record<string, string>>): string[] {
  return Object.values(headers)
    .flatMap((value) => [value, value.replace(/^\w+\s+/, "")])
    .filter((value) => value.length >= 8);
}
