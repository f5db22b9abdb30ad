// What commands and replies are written in: one JSON line with the format's version first and a checksum last, as in the
// identity of a journal. Invariant: what `readLine` returns was written by `line`, whole.

import { formatVersion } from '../core/header.ts'
import { bodySum, hex8 } from '../core/record.ts'
import { HoldfastError } from '../errors.ts'

const form = /^(\{"holdfast":(\d{1,9}),.*),"sum":"([0-9a-f]{8})"\}\n$/

/** `rest` is the inside of a JSON object without its braces. */
export function inboxLine(rest: string): Buffer {
  const body = `{"holdfast":${formatVersion},${rest}`
  return Buffer.from(`${body},"sum":"${hex8(bodySum(body))}"}\n`)
}

/** Throws FOREIGN_FILE, NEWER_FORMAT or DAMAGED. */
export function readInboxLine(bytes: Buffer, file: string): unknown {
  const text = bytes.toString('utf8')
  const match = form.exec(text)
  if (match === null) {
    if (text.startsWith('{"holdfast":')) throw damaged(file)
    throw foreignFile(file, 'it was not written by Holdfast')
  }
  const [, body = '', version, sum] = match
  if (Number(version) > formatVersion) {
    throw new HoldfastError('NEWER_FORMAT', `${file} was written by a newer release (format ${version})`, {
      hint: 'Upgrade holdfast in the process that has the journal open for writing.',
      details: { file, version: Number(version) },
    })
  }
  if (hex8(bodySum(body)) !== sum) throw damaged(file)
  try {
    return JSON.parse(text)
  } catch {
    throw foreignFile(file, 'it is no JSON') // it has a right checksum, so it was made like this
  }
}

export function foreignFile(file: string, why: string): HoldfastError {
  return new HoldfastError('FOREIGN_FILE', `${file} is no command: ${why}`, {
    hint: 'Commands are written by submit(). The file is kept in set-aside/.',
    details: { file },
  })
}

function damaged(file: string): HoldfastError {
  return new HoldfastError('DAMAGED', `${file} is damaged`, {
    hint: 'Nothing of it took effect. Submit the command again with the same id.',
    details: { file, offset: 0 },
  })
}
