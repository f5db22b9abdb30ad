import { expect, it } from 'vitest'
import { contentDigest } from './content-digest.ts'
import { lineOverheadBytes, sumOfText, textBytes } from './event-bytes.ts'
import { eventBody, lineBytesMax, writeLine } from './record.ts'

it('the size and the sum of an event are those of its line', () => {
  const body = eventBody({ position: 1, stream: 'заметки', seq: 1, time: 5 }, ',"type":"t","data":"ä"', false)
  const line = Buffer.alloc(lineBytesMax(body))
  const { end, sum } = writeLine(line, 0, body, 0, 'link')
  expect(textBytes(`${body}}`)).toBe(end + 1)
  expect(textBytes('')).toBe(lineOverheadBytes)
  expect(Number.parseInt(sumOfText(`${body}}`), 16)).toBe(sum)
})

it('content is named by its SHA-256', () => {
  expect(contentDigest(Buffer.from('abc'))).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad')
})
