// A string as JSON, just as JSON.stringify writes it. Most strings hold nothing that must be escaped: to look for that
// and to put quotes around costs a third of the general call, and each line of the log has several names.

// Of the surrogates only lone ones are escaped: telling them apart is left to the general call.
// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what JSON escapes
const escaped = /["\\\u0000-\u001f\ud800-\udfff]/

export function jsonString(text: string): string {
  return escaped.test(text) ? JSON.stringify(text) : `"${text}"`
}
