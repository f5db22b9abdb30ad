// What is said of a failure. What a disk, a peer or an option can bring about takes a line or two that say what it was;
// a defect of the benchmark itself is shown with where it stands.

const defects = [TypeError, ReferenceError, RangeError, SyntaxError]

export function failureText(error) {
  if (!(error instanceof Error)) return String(error)
  const isDefect = error.code === undefined && defects.some((kind) => error instanceof kind)
  if (isDefect) return error.stack
  const messages = []
  for (let each = error; each instanceof Error; each = each.cause) {
    if (!messages.some((message) => message.includes(each.message))) messages.push(each.message)
  }
  return messages.join(': ')
}
