const NAME = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/;
/** No control characters but the tabulator. */
const VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Whether a text may be the name of a header (RFC 9110, section 5.1). */
export function isHeaderName(text: string): boolean {
  return NAME.test(text);
}

/** Whether a text may be the value of one (RFC 9110, section 5.5). */
export function isHeaderValue(text: string): boolean {
  return VALUE.test(text);
}
