/** Whether what takes long runs at its full size: `npm run storm`. */
export const STORM = process.env.MCP_HOST_STORM !== undefined;

/** How many there are of something: at full size, and where a few show the same. */
export const sized = (full: number, few: number): number => (STORM ? full : few);
