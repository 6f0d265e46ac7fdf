const third = (word: string): number => Math.max(2, Math.floor(word.length / 3));

/** " (did you mean X?)" where one of the known words is close to a misspelt one, else "". @param within that many letters; default: a third of them */
export function nearest(word: string, known: readonly string[], within = third(word)): string {
  const best = nearestWord(word, known, within);
  return best === undefined ? "" : ` (did you mean "${best}"?)`;
}

/** The known word that is closest to a misspelt one, if one is close. */
export function nearestWord(word: string, known: readonly string[], within = third(word)): string | undefined {
  let best: string | undefined;
  let least = within + 1;
  for (const candidate of known) {
    const distance = candidate.toLowerCase() === word.toLowerCase() ? 0 : editDistance(word.toLowerCase(), candidate.toLowerCase());
    if (distance < least) {
      least = distance;
      best = candidate;
    }
  }
  return best;
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++)
      next[j] = Math.min((row[j] as number) + 1, (next[j - 1] as number) + 1, (row[j - 1] as number) + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] as number;
}
