// A value as people may see it: what stands under a sensitive key is hidden, what is long is cut, and both show.
//
// Invariant: it only makes a view. The journal keeps the whole, which resuming needs; secrets that must not be stored at
// all are taken out before they are (the journal's `redact`).

export interface RedactTerms {
  /** Characters of a text, items of a list, keys of an object. */
  readonly lengthMax: number
  readonly isSensitive: (key: string) => boolean
}

export interface RedactedView {
  readonly value: unknown
  readonly isCut: boolean
  readonly isRedacted: boolean
}

const hidden = '[redacted]'
const depthMax = 12
const sensitive: readonly RegExp[] = [
  /^(?:pass(?:word|wd|phrase|code)?|pwd|pin|secret|token|cookie|authorization|auth|bearer|credentials?|otp|ssn|cvv|iban)$/,
  /(?:^| )(?:password|passphrase|secret|token|cookie|credentials?)$/,
  /(?:^| )(?:api|access|private|secret|signing|encryption) ?keys?(?: |$)/,
  /(?:^| )(?:secret|password) /,
]

/** By the words of a key, however they are joined: "accessToken", "API_KEY"; not "outputTokens". */
export function isSensitiveKey(key: string): boolean {
  const words = key
    .replaceAll(/([a-z0-9])([A-Z])/g, '$1 $2')
    .replaceAll(/[^A-Za-z0-9]+/g, ' ')
    .trim()
    .toLowerCase()
  return sensitive.some((pattern) => pattern.test(words))
}

export function redactedView(value: unknown, terms: RedactTerms): RedactedView {
  const found = { isCut: false, isRedacted: false }
  const cut = <T>(shown: T): T => {
    found.isCut = true
    return shown
  }
  const view = (inner: unknown, depth: number): unknown => {
    if (typeof inner === 'string') return shortText(inner)
    if (inner instanceof Uint8Array) return cut(`[${inner.byteLength} bytes]`)
    if (inner instanceof Error) return { name: inner.name, message: shortText(inner.message) }
    if (typeof inner !== 'object' || inner === null || inner instanceof Date) return inner
    if (depth > depthMax) return cut('[more]')
    if (inner instanceof Map) return view(Object.fromEntries([...inner].map(([key, of]) => [String(key), of])), depth)
    if (Array.isArray(inner) || inner instanceof Set) return list([...inner], depth)
    return record(Object.entries(inner), depth)
  }
  const shortText = (text: string): string => {
    if (text.length <= terms.lengthMax) return text
    return cut(`${text.slice(0, terms.lengthMax)}… [${text.length} characters]`)
  }
  const list = (items: readonly unknown[], depth: number): unknown[] => {
    const shown = items.slice(0, terms.lengthMax).map((item) => view(item, depth + 1))
    return items.length === shown.length ? shown : cut([...shown, `… [${items.length} items]`])
  }
  const record = (
    entries: readonly (readonly [string, unknown])[],
    depth: number,
  ): Readonly<Record<string, unknown>> => {
    const shown = entries.slice(0, terms.lengthMax).map(([key, of]): [string, unknown] => {
      if (!terms.isSensitive(key)) return [key, view(of, depth + 1)]
      found.isRedacted = true
      return [key, hidden]
    })
    return Object.fromEntries(
      shown.length === entries.length ? shown : cut([...shown, ['…', `[${entries.length} keys]`]]),
    )
  }
  return { value: view(value, 0), ...found }
}
