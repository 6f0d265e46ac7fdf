// What the samples of a cost run say.
import { median } from "./measure.mjs";

/**
 * Compares what a call costs with the head and with the base. Each sample is divided by the forwarder's of the same round, so that what slows
 * the machine for a while slows both.
 *
 * @param samples CPU per call of `forwarder`, `base`, `again` (the base once more) and `head`, one for each round
 * @param limit what the head may cost more: 0.05 for 5 %
 * @returns multiples of the forwarder of `base` and `head`, their `change`, the `noise` (how far the two runs of the base are apart, or how
 *   uncertain that is, whichever is more), whether it `isClear` on which side of the limit the change is, whether the samples tell at all
 *   (`tells`: the noise is below the limit), and whether the head `isWorse` than the limit allows
 */
export function judge({ forwarder, base, again, head }, limit) {
  const multiples = (costs) => costs.map((cost, round) => cost / forwarder[round]);
  const both = multiples(base).map((multiple, round) => (multiple + again[round] / forwarder[round]) / 2);
  const apart = multiples(base).map((multiple, round) => again[round] / forwarder[round] / multiple - 1);
  const changes = multiples(head).map((multiple, round) => multiple / both[round] - 1);
  const change = median(changes);
  const noise = Math.max(Math.abs(median(apart)), uncertainty(apart), uncertainty(changes));
  const isClear = Math.abs(change - limit) > noise;
  return {
    base: median(both),
    head: median(multiples(head)),
    change,
    noise,
    isClear,
    tells: isClear || noise < limit,
    isWorse: change > limit,
  };
}

/** Twice the standard error of a median, from how far the samples are from it: what is outside is so once in twenty times by chance. */
function uncertainty(values) {
  const middle = median(values);
  const deviation = 1.4826 * median(values.map((value) => Math.abs(value - middle)));
  return (2 * 1.2533 * deviation) / Math.sqrt(values.length);
}
