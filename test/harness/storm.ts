const STORM = process.env.MCP_HOST_STORM !== undefined;

/** How many there are of something: at full size with `npm run storm`, else a few that show the same. */
export const sized = (full: number, few: number): number => (STORM ? full : few);
