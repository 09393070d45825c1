// Unpacks what `columns.py` packed: a JSON head, and columns of 32-bit integers as planes of bytes.
"use strict";

const Data = {
  async load(element) {
    const text = element.textContent.trim();
    const packed = Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
    const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
    const bytes = new Uint8Array(await new Response(stream).arrayBuffer());
    const size = new DataView(bytes.buffer).getUint32(0, true);
    const head = JSON.parse(new TextDecoder().decode(bytes.subarray(4, 4 + size)));
    let at = 4 + size;
    const columns = {};
    for (const [name, differences, length] of head.columns) {
      columns[name] = Data.column(bytes, at, length, differences);
      at += 4 * length;
    }
    return { head, columns };
  },

  column(bytes, at, length, differences) {
    const out = new Int32Array(length);
    const b = at + length, c = b + length, d = c + length;
    let last = 0;
    for (let i = 0; i < length; i++) {
      const value = bytes[at + i] | bytes[b + i] << 8 | bytes[c + i] << 16 | bytes[d + i] << 24;
      last = differences ? last + value : value;
      out[i] = last;
    }
    return out;
  },
};

// The last place in sorted `list` (from `low` up to before `high`) whose value is at most `value`; low − 1 if none.
function lastUpTo(list, value, low = 0, high = list.length) {
  while (low < high) {
    const middle = (low + high) >> 1;
    if (list[middle] <= value) low = middle + 1; else high = middle;
  }
  return low - 1;
}

// The places of equal keys, in order: `first[k]` to `first[k + 1]` in `places` are those of key k.
function grouped(keys, number) {
  const first = new Int32Array(number + 1);
  for (let i = 0; i < keys.length; i++) first[keys[i] + 1]++;
  for (let k = 0; k < number; k++) first[k + 1] += first[k];
  const next = first.slice(), places = new Int32Array(keys.length);
  for (let i = 0; i < keys.length; i++) places[next[keys[i]]++] = i;
  return { first, places };
}
