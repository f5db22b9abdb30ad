// Names recur: those of streams and types stand in line after line. Looking one up by its bytes gives the same string each
// time, which is quicker than making a new one, and a million events share one string instead of holding a million.
// Invariant: the string is just what the bytes say; a place that is taken by another name costs time, nothing else.

/** A power of two. With names of 512 bytes at most, what is kept stays below two megabytes. */
const places = 4_096

export class NameCache {
  readonly #names: string[] = new Array<string>(places).fill('')

  /** The text of buffer[start, end), where no byte is above 0x7f. `hash` is any number that depends on these bytes. */
  ascii(buffer: Buffer, start: number, end: number, hash: number): string {
    const place = (hash ^ (hash >>> 12)) & (places - 1)
    const known = this.#names[place] as string // the place is below the length
    if (isSame(known, buffer, start, end)) return known
    const name = buffer.toString('latin1', start, end)
    this.#names[place] = name
    return name
  }
}

function isSame(name: string, buffer: Buffer, start: number, end: number): boolean {
  if (name.length !== end - start) return false
  for (let at = 0; at < name.length; at++) if (name.charCodeAt(at) !== buffer[start + at]) return false
  return true
}
