// What a crash leaves of the content of files. Each rule has a test that sees all it allows happen, and nothing else.

import { describe, expect, it } from 'vitest'
import type { DiskFile } from './disk.ts'
import { bytesOf, contentOf } from './file-content.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import { type CrashModel, sectorBytes } from './surviving-state.ts'
import { writeFully } from './whole-io.ts'

const models: readonly CrashModel[] = ['adversarial', 'ext4']

/** A disk with one file, whose entry and `text` are durable. */
async function withFile(text: string): Promise<{ simulated: SimulatedDisk; file: DiskFile; synced: DiskFile }> {
  const simulated = new SimulatedDisk()
  const file = await simulated.disk.open('a', { mode: 'write', create: 'exclusive' })
  await simulated.disk.syncDirectory('')
  await writeFully(file, bytesOf(text), 0)
  await file.sync()
  return { simulated, file, synced: await simulated.disk.open('a', { mode: 'synced' }) }
}

async function outcomes(simulated: SimulatedDisk, model: CrashModel): Promise<readonly string[]> {
  const texts: string[] = []
  for (let seed = 0; seed < 500; seed++) {
    texts.push(Buffer.from(await contentOf(simulated.crash({ seed, model }).disk, 'a')).toString('latin1'))
  }
  return texts
}

describe.each(models)('content after a crash (%s)', (model) => {
  it('is what was synced', async () => {
    const { simulated, file } = await withFile('old')
    await file.write(bytesOf('abcdef'), 0)
    await file.truncate(5)
    await file.sync()
    expect(new Set(await outcomes(simulated, model))).toEqual(new Set(['abcde']))
  })

  it('has every synced write, whatever lies around it unsynced', async () => {
    const { simulated, file, synced } = await withFile('')
    await file.write(bytesOf('x'.repeat(30)), 0)
    await synced.write(bytesOf('SYNCED'), 10)
    await file.write(bytesOf('y'.repeat(10)), 20)
    const texts = await outcomes(simulated, model)
    expect(texts.every((text) => text.slice(10, 16) === 'SYNCED')).toBe(true)
    expect(texts.some((text) => text.startsWith('\0\0'))).toBe(true)
    expect(texts.some((text) => text.startsWith('xx'))).toBe(true)
  })

  it('has a synced write over an unsynced one of the same place, never the reverse', async () => {
    const { simulated, file, synced } = await withFile('')
    await file.write(bytesOf('old'), 0)
    await synced.write(bytesOf('new'), 0)
    expect(new Set(await outcomes(simulated, model))).toEqual(new Set(['new']))
  })

  it('may lack an unsynced write, whole or in part, and shows the bytes before in its place', async () => {
    const { simulated, file } = await withFile('-'.repeat(2_000))
    await file.write(bytesOf('x'.repeat(2_000)), 0)
    const texts = await outcomes(simulated, model)
    expect(texts).toContain('-'.repeat(2_000))
    expect(texts).toContain('x'.repeat(2_000))
    expect(texts.every((text) => /^[-x]{2000}$/.test(text))).toBe(true)
    // Torn at a byte, with the front or the back of it there …
    expect(texts.some((text) => /^x+-+$/.test(text) && text.lastIndexOf('x') % sectorBytes !== 511)).toBe(true)
    expect(texts.some((text) => /^-+x+$/.test(text) && text.indexOf('x') % sectorBytes !== 0)).toBe(true)
    // … or with sectors missing in between.
    const holed = texts.filter((text) => /x-+x/.test(text))
    expect(holed.length).toBeGreaterThan(0)
    const edges = new Set(holed.flatMap((text) => [...text.matchAll(/x-|-x/g)].map((match) => match.index + 1)))
    expect([...edges].every((edge) => edge % sectorBytes === 0)).toBe(true)
  })

  it('may have a later write without an earlier one', async () => {
    const { simulated, file } = await withFile('--')
    await file.write(bytesOf('x'), 0)
    await file.write(bytesOf('y'), 1)
    expect(new Set(await outcomes(simulated, model))).toEqual(new Set(['--', 'x-', '-y', 'xy']))
  })

  it('shows zeros, never anything else, where the file grew and the data is missing', async () => {
    const { simulated, file } = await withFile('abc')
    await file.write(bytesOf('x'.repeat(1_500)), 3)
    const texts = await outcomes(simulated, model)
    expect(texts.every((text) => text.startsWith('abc') && /^[x\0]*$/.test(text.slice(3)))).toBe(true)
    expect(texts.some((text) => text.includes('\0'))).toBe(true)
    // A size without its data: with one metadata log, size follows data.
    expect(texts.some((text) => text.endsWith('\0'))).toBe(model === 'adversarial')
    expect(texts.includes('abc')).toBe(true)
  })

  it('may or may not be cut by an unsynced truncation', async () => {
    const { simulated, file } = await withFile('abcdef')
    await file.truncate(2)
    expect(new Set(await outcomes(simulated, model))).toEqual(new Set(['abcdef', 'ab']))
  })

  it('may or may not be grown by an unsynced truncation', async () => {
    const { simulated, file } = await withFile('ab')
    await file.truncate(4)
    expect(new Set(await outcomes(simulated, model))).toEqual(new Set(['ab', 'ab\0\0']))
  })

  it('stays durable through later unsynced work on the same file', async () => {
    const { simulated, file, synced } = await withFile('')
    let text = ''
    for (let round = 0; round < 20; round++) {
      await synced.write(bytesOf(`line ${round}\n`), text.length)
      text += `line ${round}\n`
      await file.write(bytesOf('tail'), text.length)
    }
    for (const found of await outcomes(simulated, model)) expect(found.startsWith(text)).toBe(true)
  })

  it('keeps of a dropped write some, none or all, though it was synced later', async () => {
    const { simulated, file } = await withFile('--')
    await file.write(bytesOf('xx'), 0)
    simulated.dropUnsynced('a')
    await file.sync()
    await file.write(bytesOf('y'), 2)
    await file.sync()
    const texts = new Set(await outcomes(simulated, model))
    expect(texts).toContain('--y')
    expect(texts).toContain('xxy')
    expect([...texts].every((text) => /^[-x]{2}y$/.test(text))).toBe(true)
  })
})

describe('content after a crash (minimal)', () => {
  it('is what was synced, and nothing else', async () => {
    const { simulated, file, synced } = await withFile('old')
    await synced.write(bytesOf('SYNCED'), 4)
    await file.write(bytesOf('x'.repeat(2_000)), 4)
    expect(new Set(await outcomes(simulated, 'minimal'))).toEqual(new Set(['old\0SYNCED']))
  })
})
