/** Resolves when some work is over, however it ended, and after so many milliseconds at the latest. */
export async function inTime(work: Promise<unknown> | undefined, milliseconds: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((passed) => {
    timer = setTimeout(passed, milliseconds);
  });
  await Promise.race([work?.catch(() => {}), late]); // whoever began it is told how it ended
  clearTimeout(timer);
}
