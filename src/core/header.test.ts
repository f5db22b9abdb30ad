import { describe, expect, it } from 'vitest'
import { headerBody, parseHeader, refuseNewer, type SegmentHeader } from './header.ts'
import { controlBody, lineBytesMax, writeLine } from './record.ts'

const header: SegmentHeader = {
  journal: 'j',
  epoch: 'e',
  segment: 2,
  first: 9,
  fence: 3,
  time: 5,
  previous: { name: 'before', bytes: 100, sha256: 'ff' },
  carried: 0,
}

function lineOf(body: string): Buffer {
  const bytes = Buffer.alloc(lineBytesMax(body))
  return bytes.subarray(0, writeLine(bytes, 0, body, 77, 'link').end)
}

describe('the header of a segment', () => {
  it('comes back with its length, its sum and its link', () => {
    const line = lineOf(headerBody(header))
    const parsed = parseHeader(line, line.length - 1, 'f')
    expect(parsed?.header).toMatchObject({ holdfast: 1, ...header })
    expect(parsed).toMatchObject({ link: 77, bytes: line.length })
    expect(line.toString()).toContain(`"sum":"${parsed?.sum.toString(16).padStart(8, '0')}"`)
  })

  it('says that the segment was rewritten, when it was', () => {
    expect(headerBody(header)).not.toContain('rewritten')
    const line = lineOf(headerBody({ ...header, previous: null, rewritten: 'repair' }))
    expect(parseHeader(line, line.length - 1, 'f')?.header).toMatchObject({ previous: null, rewritten: 'repair' })
  })

  it('is none without a line, with damage, or in a line of another kind', () => {
    const line = lineOf(headerBody(header))
    expect(parseHeader(line.subarray(0, 20), -1, 'f')).toBeUndefined()
    expect(parseHeader(Buffer.from('\n'), 0, 'f')).toBeUndefined()
    const changed = Buffer.from(line)
    changed[20] = 0x21
    expect(parseHeader(changed, line.length - 1, 'f')).toBeUndefined()
    const noJson = lineOf('{"holdfast":1oops')
    expect(parseHeader(noJson, noJson.length - 1, 'f')).toBeUndefined()
    const control = lineOf(controlBody({ control: 'witness', time: 5 }, false))
    expect(parseHeader(control, control.length - 1, 'f')).toBeUndefined()
  })

  it('of a newer format is refused by its code, with the file and the version', () => {
    const line = lineOf(headerBody(header).replace('"holdfast":1', '"holdfast":2'))
    const refused = { code: 'NEWER_FORMAT', details: { file: 'f', version: 2 } }
    expect(() => parseHeader(line, line.length - 1, 'f')).toThrow(expect.objectContaining(refused))
    expect(() => refuseNewer(2, 'f')).toThrow(expect.objectContaining(refused))
    for (const version of [1, 0, '2', undefined]) expect(() => refuseNewer(version, 'f')).not.toThrow()
  })
})
