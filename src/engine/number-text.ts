// Rising numbers as short text, for the places in a segment's index: each is written as its distance from the one before, in
// digits of five bits, lowest first, where a sixth bit says that more follow. A line's place takes two to four letters.

const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+-'
const digits = 32
const values = new Int8Array(128).fill(-1)
for (let value = 0; value < letters.length; value++) values[letters.charCodeAt(value)] = value

/** Whole numbers from 0, none below the one before. */
export function encodeRising(numbers: readonly number[]): string {
  let text = ''
  let before = 0
  for (const number of numbers) {
    let rest = number - before
    before = number
    while (rest >= digits) {
      text += letters[digits + (rest % digits)]
      rest = Math.floor(rest / digits)
    }
    text += letters[rest]
  }
  return text
}

/** Undefined when the text is none that `encodeRising` writes. */
export function decodeRising(text: string): number[] | undefined {
  const numbers: number[] = []
  let number = 0
  let scale = 1
  for (let at = 0; at < text.length; at++) {
    const value = values[text.charCodeAt(at)] ?? -1
    if (value < 0) return undefined
    number += (value % digits) * scale
    if (value >= digits) {
      scale *= digits
      continue
    }
    numbers.push(number)
    scale = 1
  }
  return scale === 1 ? numbers : undefined
}
