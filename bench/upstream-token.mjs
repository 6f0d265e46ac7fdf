/** What a server that is locked wants to see. */
export const TOKEN = "a-token-of-the-bench";
