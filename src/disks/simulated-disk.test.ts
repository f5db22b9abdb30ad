// The simulated disk as one process has it: conformance, counting, dying. What a crash leaves is in
// surviving-content.test.ts and surviving-entries.test.ts.

import { describe, expect, it } from 'vitest'
import type { Disk } from './disk.ts'
import { diskCases } from './disk-conformance.ts'
import { bytesOf, textOf, writeText } from './file-content.ts'
import { SimulatedDisk } from './simulated-disk.ts'

const dead = { code: 'ECRASHED' }

async function script(disk: Disk): Promise<void> {
  await disk.makeDirectory('d')
  const file = await disk.open('d/a', { mode: 'write', create: 'exclusive' })
  await file.write(bytesOf('0123456789'), 0)
  await file.sync()
  await file.close()
  await disk.rename('d/a', 'd/b')
  await disk.syncDirectory('d')
}

describe('simulated disk', () => {
  it.each(diskCases)('$name', async ({ run }) => {
    await run(new SimulatedDisk().disk)
  })

  it('keeps what was written when its caller uses the buffer again', async () => {
    const simulated = new SimulatedDisk()
    const file = await simulated.disk.open('a', { mode: 'synced', create: 'exclusive' })
    await simulated.disk.syncDirectory('')
    await file.truncate(0) // not synced: what follows stays in the list of effects
    const buffer = Buffer.from('first')
    await file.write(buffer, 0)
    buffer.write('again')
    expect(await textOf(simulated.crash({ seed: 1, model: 'ext4' }).disk, 'a')).toBe('first')
  })

  it('makes nothing durable before it has answered', async () => {
    const simulated = new SimulatedDisk()
    const file = await simulated.disk.open('a', { mode: 'synced', create: 'exclusive' })
    await simulated.disk.syncDirectory('')
    const lost = (): Promise<boolean[]> =>
      Promise.all(
        Array.from(
          { length: 40 },
          async (_, seed) => (await textOf(simulated.crash({ seed, model: 'ext4' }).disk, 'a')) === '',
        ),
      )
    const writing = file.write(bytesOf('early'), 0).catch((error: unknown) => error)
    expect(await lost()).toContain(true)
    expect(await writing).toMatchObject(dead)

    const calm = new SimulatedDisk()
    const other = await calm.disk.open('a', { mode: 'synced', create: 'exclusive' })
    await calm.disk.syncDirectory('')
    await other.write(bytesOf('answered'), 0)
    expect(await textOf(calm.crash({ seed: 1, model: 'ext4' }).disk, 'a')).toBe('answered')
  })

  it('counts what has an effect or can fail, and traces it when asked', async () => {
    const simulated = new SimulatedDisk({ traced: true })
    await script(simulated.disk)
    simulated.disk.existsNow('d')
    expect(simulated.operations).toBe(7)
    expect(simulated.trace).toEqual([
      { index: 1, op: 'makeDirectory', path: 'd' },
      { index: 2, op: 'open', path: 'd/a' },
      { index: 3, op: 'write', path: 'd/a', bytes: 10 },
      { index: 4, op: 'sync', path: 'd/a' },
      { index: 5, op: 'rename', path: 'd/a' },
      { index: 6, op: 'syncDirectory', path: 'd' },
      { index: 7, op: 'existsNow', path: 'd' },
    ])
    const silent = new SimulatedDisk()
    await script(silent.disk)
    expect([silent.trace, silent.operations]).toEqual([[], 6])
  })

  it('dies in the operation that was named, and does nothing from then on', async () => {
    for (let crashAt = 1; crashAt <= 6; crashAt++) {
      const simulated = new SimulatedDisk({ crashAt })
      await expect(script(simulated.disk)).rejects.toMatchObject(dead)
      expect([simulated.dead, simulated.operations]).toEqual([true, crashAt])
      await expect(simulated.disk.list('')).rejects.toMatchObject(dead)
      expect(() => simulated.disk.existsNow('d')).toThrow(expect.objectContaining(dead))
      expect(simulated.operations).toBe(crashAt)
    }
  })

  it('leaves handles of a dead process without use', async () => {
    const simulated = new SimulatedDisk()
    const file = await simulated.disk.open('a', { mode: 'synced', create: 'maybe' })
    simulated.crash({ seed: 1, model: 'ext4' })
    await expect(file.write(bytesOf('x'), 0)).rejects.toMatchObject(dead)
    await expect(file.close()).rejects.toMatchObject(dead)
  })

  it('gives no answer to a process that died before it came', async () => {
    const simulated = new SimulatedDisk({ crashAt: 3 })
    const file = await simulated.disk.open('a', { mode: 'write', create: 'maybe' })
    const answers = await Promise.allSettled([file.write(bytesOf('x'), 0), file.write(bytesOf('y'), 1)])
    expect(answers.map((answer) => answer.status)).toEqual(['rejected', 'rejected'])
  })

  it('has the last operation happen in full, in part, or not at all', async () => {
    const texts = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const simulated = new SimulatedDisk({ crashAt: 3, seed })
      await expect(script(simulated.disk)).rejects.toMatchObject(dead)
      texts.add(await textOf(simulated.crash({ seed, model: 'process' }).disk, 'd/a'))
    }
    expect(texts).toContain('')
    expect(texts).toContain('0123456789')
    expect([...texts].every((text) => '0123456789'.startsWith(text))).toBe(true)
    expect(texts.size).toBeGreaterThan(5)
  })

  it('has the last rename happen or not', async () => {
    const seen = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      const simulated = new SimulatedDisk({ crashAt: 5, seed })
      await expect(script(simulated.disk)).rejects.toMatchObject(dead)
      const entries = await simulated.crash({ seed, model: 'process' }).disk.list('d')
      seen.add(entries.map((entry) => entry.name).join())
    }
    expect(seen).toEqual(new Set(['a', 'b']))
  })

  it('never makes durable what the process died in', async () => {
    const texts = new Set<string>()
    for (let seed = 0; seed < 200; seed++) {
      const simulated = new SimulatedDisk({ crashAt: 3, seed })
      const file = await simulated.disk.open('a', { mode: 'synced', create: 'maybe' })
      await simulated.disk.syncDirectory('')
      await expect(file.write(bytesOf('0123456789'), 0)).rejects.toMatchObject(dead)
      const next = simulated.crash({ seed, model: 'process' })
      // What the first crash left in memory, the second can still lose.
      texts.add(`${await textOf(next.disk, 'a')}:${await textOf(next.crash({ seed, model: 'ext4' }).disk, 'a')}`)
    }
    expect(texts).toContain('0123456789:0123456789')
    expect(texts).toContain('0123456789:')
  })

  it('when only the process dies, the next one sees all, and must sync it itself', async () => {
    const simulated = new SimulatedDisk()
    await writeText(simulated.disk, 'a', 'abc')
    const next = simulated.crash({ seed: 1, model: 'process' })
    expect(await textOf(next.disk, 'a')).toBe('abc')
    const seen = new Set<boolean>()
    for (let seed = 0; seed < 50; seed++) seen.add(next.crash({ seed, model: 'adversarial' }).disk.existsNow('a'))
    expect(seen).toEqual(new Set([true, false]))
  })

  it.each(['adversarial', 'ext4', 'process'] as const)('releases locks by a crash (%s)', async (model) => {
    const simulated = new SimulatedDisk()
    await writeText(simulated.disk, 'lock', '')
    await simulated.disk.syncDirectory('')
    await simulated.disk.lock('lock')
    expect(await simulated.disk.lock('lock')).toBeUndefined()
    expect(await simulated.crash({ seed: 1, model }).disk.lock('lock')).toBeDefined()
  })

  it('can crash again in the next process, at an operation of that one', async () => {
    const first = new SimulatedDisk({ crashAt: 2 })
    await expect(script(first.disk)).rejects.toMatchObject(dead)
    const second = first.crash({ seed: 1, model: 'adversarial', crashAt: 1 })
    await expect(second.disk.list('')).rejects.toMatchObject(dead)
    const third = second.crash({ seed: 1, model: 'adversarial' })
    expect(await third.disk.list('')).toBeDefined()
    expect(third.operations).toBe(1)
  })

  it('leaves the same for the same seeds, and each outcome is apart from the others', async () => {
    const simulated = new SimulatedDisk()
    for (const name of ['a', 'b', 'c']) await writeText(simulated.disk, name, name.repeat(2_000))
    const outcome = async (seed: number): Promise<string> => {
      const { disk } = simulated.crash({ seed, model: 'adversarial' })
      const names = (await disk.list('')).map((entry) => entry.name).sort()
      return (await Promise.all(names.map(async (name) => `${name}=${await textOf(disk, name)}`))).join()
    }
    const outcomes = new Set<string>()
    for (let seed = 0; seed < 50; seed++) {
      expect(await outcome(seed)).toBe(await outcome(seed))
      outcomes.add(await outcome(seed))
    }
    expect(outcomes.size).toBeGreaterThan(20)
    const next = simulated.crash({ seed: 3, model: 'adversarial' })
    await writeText(next.disk, 'a', 'changed')
    expect(await outcome(3)).not.toContain('changed')
  })
})
