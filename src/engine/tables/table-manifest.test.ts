import { crc32 } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { memoryDisk } from '../../disks/memory-disk.ts'
import { decodeManifest, encodeManifest, loadManifest, storeManifest, type TableManifest } from './table-manifest.ts'

const manifest: TableManifest = {
  nextTable: 3,
  tables: [{ name: '00000002', bytes: 100, entries: 4, footer: { offset: 60, length: 40, sum: 77 } }],
  note: 'through segment 7 – \u{1f600}',
}

function signed(body: string): Buffer {
  return Buffer.from(`${body},"sum":"${crc32(Buffer.from(body)).toString(16).padStart(8, '0')}"}\n`)
}

describe('the manifest', () => {
  it('comes back as it was, whatever the note', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (note) => {
        expect(decodeManifest(encodeManifest({ ...manifest, note }))).toMatchObject({ ...manifest, note })
      }),
    )
  })

  it('shows every flipped bit', () => {
    const bytes = encodeManifest(manifest)
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const flipped = Buffer.from(bytes)
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7))
      expect(decodeManifest(flipped), `bit ${bit}`).toBeUndefined()
    }
  })

  it('shows every truncation and what follows it', () => {
    const bytes = encodeManifest(manifest)
    for (let length = 0; length < bytes.length; length++)
      expect(decodeManifest(bytes.subarray(0, length))).toBeUndefined()
    expect(decodeManifest(Buffer.concat([bytes, Buffer.from(' ')]))).toBeUndefined()
  })

  it.each([
    ['no JSON', '{"format":1'.slice(1)],
    ['no object', '[1'],
    ['a later format', '{"format":2,"nextTable":1,"tables":[],"note":""'],
    ['no table number', '{"format":1,"tables":[],"note":""'],
    ['no tables', '{"format":1,"nextTable":1,"note":""'],
    ['a table that is none', '{"format":1,"nextTable":1,"tables":[null],"note":""'],
    [
      'a table outside of the folder',
      '{"format":1,"nextTable":1,"tables":[{"name":"../x","bytes":1,"entries":1}],"note":""',
    ],
    [
      'a table without a footer',
      '{"format":1,"nextTable":1,"tables":[{"name":"00000001","bytes":1,"entries":1,"footer":null}],"note":""',
    ],
  ])('is refused with a good checksum over %s', (_, body) => {
    expect(decodeManifest(signed(body))).toBeUndefined()
  })

  it('is absent, ready or damaged on disk', async () => {
    const disk = memoryDisk()
    await disk.makeDirectory('state')
    expect(await loadManifest(disk, 'state')).toMatchObject({ state: 'absent' })
    await storeManifest(disk, 'state', { ...manifest, note: 'x'.repeat(500) })
    await storeManifest(disk, 'state', manifest)
    expect(await loadManifest(disk, 'state')).toMatchObject({ state: 'ready', manifest })
    const file = await disk.open('state/manifest.json', { mode: 'write' })
    await file.truncate(20_000_000)
    await file.close()
    expect(await loadManifest(disk, 'state')).toMatchObject({ state: 'damaged' })
    await disk.remove('state/manifest.json')
    await disk.makeDirectory('state/manifest.json')
    expect(await loadManifest(disk, 'state')).toMatchObject({ state: 'damaged' })
  })
})
