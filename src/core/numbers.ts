// Branded numbers: a seq, a position and a byte offset are all integers, and mixing them up is the classic bug
// of a log. The brand exists in types only; at run time each is a plain number.

declare const brand: unique symbol

/** Place within a stream: 1, 2, 3 …; 0 means "nothing yet". */
export type Seq = number & { readonly [brand]?: 'seq' }
/** Place within the whole journal: strictly rising; 0 means "nothing yet". */
export type Position = number & { readonly [brand]?: 'position' }
/** Offset in bytes within one file. */
export type ByteOffset = number & { readonly [brand]?: 'offset' }
/** Milliseconds since 1970-01-01 UTC. */
export type TimeMs = number & { readonly [brand]?: 'time' }
