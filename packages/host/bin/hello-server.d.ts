/** A small MCP server on standard input and output: importing it starts it. */
export {};
