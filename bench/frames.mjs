/** Calls `take` with each line of a stream. A line's pieces are joined once, so that a long one costs no more than its length. */
export function framed(stream, take) {
  let pieces = [];
  stream.setEncoding("utf8").on("data", (text) => {
    let from = 0;
    for (let end = text.indexOf("\n"); end !== -1; end = text.indexOf("\n", from)) {
      const piece = text.slice(from, end);
      from = end + 1;
      if (pieces.length === 0) take(piece);
      else {
        pieces.push(piece);
        take(pieces.join(""));
        pieces = [];
      }
    }
    if (from < text.length) pieces.push(from === 0 ? text : text.slice(from));
  });
}
