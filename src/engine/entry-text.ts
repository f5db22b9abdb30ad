// An entry of the state as the tables keep it: text, which is parsed when somebody asks for that entry. What an opening folds
// from the log is mostly never asked for, and goes to the tables as it is.
// Invariant: the text is canonical, so an entry is the same to whoever asks, whether it was folded as text or as a value.

export class EntryText {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }
}

/** The entry itself, which may be held as text. */
export function entryValue(held: unknown): unknown {
  return held instanceof EntryText ? JSON.parse(held.text) : held
}

/** As the tables keep it; null when it is gone. */
export function entryText(held: unknown): string | null {
  if (held === null) return null
  return held instanceof EntryText ? held.text : JSON.stringify(held)
}
