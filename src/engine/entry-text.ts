// The forms in which memory holds an entry of the state: its value; null, when it is gone; text as the tables keep it, which
// is parsed when somebody asks for that entry, because what an opening folds from the log is mostly never asked for; and
// marked as new, when no table has anything to say of its key.
// Invariant: the text is canonical, so an entry is the same to whoever asks, whether it was folded as text or as a value.

export class EntryText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** An entry where there was none when it was set: if it goes before it is written out, nothing has to say so. */
export class NewEntry {
  readonly value: unknown

  constructor(value: unknown) {
    this.value = value
  }
}

/** The entry itself, in whatever form it is held. */
export function entryValue(held: unknown): unknown {
  if (held instanceof NewEntry) return held.value
  return held instanceof EntryText ? JSON.parse(held.text) : held
}

/** As the tables keep it; null when it is gone. */
export function entryText(held: unknown): string | null {
  if (held === null) return null
  if (held instanceof NewEntry) return JSON.stringify(held.value)
  return held instanceof EntryText ? held.text : JSON.stringify(held)
}
