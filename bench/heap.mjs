// What a heap snapshot holds, by kind.

/** Count and bytes of each kind: { kind: { count, bytes } }. Objects go by their constructor, all else by V8's own type. */
export function heap({ snapshot, nodes, strings }) {
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, name, size] = ["type", "name", "self_size"].map((field) => fields.indexOf(field));
  const kinds = new Map();
  for (let at = 0; at < nodes.length; at += fields.length) {
    const sort = types[0][nodes[at + type]];
    const kind = sort === "object" || sort === "native" ? `${strings[nodes[at + name]].slice(0, 60)}` : `(${sort})`;
    const entry = kinds.get(kind) ?? { count: 0, bytes: 0 };
    entry.count++;
    entry.bytes += nodes[at + size];
    kinds.set(kind, entry);
  }
  return kinds;
}

/** Kinds of a later snapshot with what they have more than in an earlier one, what grew most first. */
export function grown(before, after) {
  return [...after]
    .map(([name, { count, bytes }]) => {
      const earlier = before.get(name) ?? { count: 0, bytes: 0 };
      return { name, count, bytes, moreCount: count - earlier.count, moreBytes: bytes - earlier.bytes };
    })
    .sort((a, b) => b.moreBytes - a.moreBytes || b.bytes - a.bytes);
}
