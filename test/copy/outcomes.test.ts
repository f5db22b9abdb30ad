// What can stand in the way of a copy, and what is said of it then; and that it goes on where it was.

import { mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { abandonCopy, type CopyOptions, copyJournal } from '../../src/copy.ts'
import { HoldfastError } from '../../src/errors.ts'
import { importJournal } from '../../src/import.ts'
import { createJournal } from '../../src/journal.ts'
import { open } from '../../src/open.ts'
import { openDirectory } from '../../src/open-directory.ts'
import type { CopyTarget } from '../../src/stores/copy-port.ts'
import { memoryStore } from '../../src/stores/memory.ts'
import type { ImportRecord, Store } from '../../src/stores/store.ts'
import { submit } from '../../src/submit.ts'
import { fakeClock } from '../../src/testing/fake-clock.ts'
import { seededRandom } from '../../src/testing/seeded-random.ts'
import { copyStore } from '../../src/transfer/copy.ts'
import { abandonCopy as abandonStore } from '../../src/transfer/copy-abandon.ts'
import { repair, verify } from '../../src/upkeep.ts'
import { append, codeOf, event, exportOf, fill, inPieces, readAll, seen, trim } from '../transfer/scene.ts'
import { segmentBytes } from './segment-size.ts'

let root: string
let from: string
let to: string
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'holdfast-copy-'))
  from = join(root, 'from')
  to = join(root, 'to')
})
afterEach(() => rm(root, { recursive: true, force: true }))

async function makeJournal(path = from, events = 0): Promise<void> {
  const clock = fakeClock()
  const store = await openDirectory(path, { clock, segmentBytes, random: seededRandom(1) })
  await fill(store, clock)
  for (let index = 0; index < events; index++) await append(store, [event('many', 'x'.repeat(900))])
  await trim(store, clock)
  await store.close()
}

/** Stopped in the comparison, when all is written, or after so many events. */
async function interrupted(events: number | 'comparing', options: CopyOptions = {}): Promise<void> {
  const stop = new AbortController()
  const progress: NonNullable<CopyOptions['progress']> = (told) => {
    if (events === 'comparing' ? told.stage === 'verify' : told.events >= events) stop.abort()
  }
  expect(await codeOf(copyJournal(from, to, { segmentBytes, ...options, signal: stop.signal, progress }))).toBe(
    'ABORTED',
  )
}

async function withStore<T>(path: string, use: (store: Store) => Promise<T>): Promise<T> {
  const store = await openDirectory(path, { segmentBytes })
  try {
    return await use(store)
  } finally {
    await store.close()
  }
}

describe('an unfinished copy', () => {
  it('goes on where it was: what is whole is not written again', async () => {
    await makeJournal(from, 150)
    await interrupted('comparing')
    const names = (await readdir(join(to, 'segments'))).sort()
    const kept = await Promise.all(names.map((name) => stat(join(to, 'segments', name))))
    const report = await copyJournal(from, to, { segmentBytes })
    expect(report.resumedAt).toBeGreaterThan(150 * 0.9)
    const after = await Promise.all(names.map((name) => stat(join(to, 'segments', name)).catch(() => undefined)))
    const same = after.filter((one, index) => one?.mtimeMs === kept[index]?.mtimeMs && one?.ino === kept[index]?.ino)
    expect(same.length).toBeGreaterThan(names.length * 0.9)
    expect((await verify(to)).findings).toEqual([])
  })

  it('keeps what is whole before a damaged segment, and no more', async () => {
    await makeJournal(from, 100)
    const before = await withStore(from, seen)
    await interrupted('comparing')
    const names = (await readdir(join(to, 'segments'))).sort()
    const damaged = join(to, 'segments', names[10] ?? '')
    const bytes = await readFile(damaged)
    bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1
    await writeFile(damaged, bytes)
    const { resumedAt } = await copyJournal(from, to, { segmentBytes })
    expect(resumedAt).toBeGreaterThan(20)
    expect(resumedAt).toBeLessThan(60)
    expect(await withStore(to, seen)).toEqual(before)
  })

  it('is no journal for anybody', async () => {
    await makeJournal(from, 100)
    const exported = await withStore(from, exportOf)
    await interrupted(10)
    expect(await codeOf(open(to))).toBe('COPY_UNFINISHED')
    expect(await codeOf(open(to, { readOnly: true }))).toBe('COPY_UNFINISHED')
    expect(await codeOf(open(to, { create: 'exclusive' }))).toBe('COPY_UNFINISHED')
    expect(await codeOf(submit(to, 'a', { type: 't', data: 1 }, { commandId: 'c' }))).toBe('COPY_UNFINISHED')
    expect(await codeOf(importJournal(inPieces(exported), to))).toBe('TARGET_NOT_EMPTY')
    expect(await codeOf(copyJournal(to, join(root, 'third')))).toBe('COPY_UNFINISHED')
    const report = await verify(to)
    expect(report.findings).toMatchObject([{ kind: 'copy-unfinished', severity: 'damage', repair: undefined }])
    expect(await codeOf(repair(to, { actions: [{ do: 'identity' }] }))).toBe('COPY_UNFINISHED')
    // The source is as it was.
    await withStore(from, (store) => append(store, [event('a')]))
  })

  it('can be abandoned, and is begun anew then', async () => {
    await makeJournal(from, 50)
    await interrupted(10)
    expect(await abandonCopy(from, to)).toMatchObject({ removed: true, freed: false })
    await expect(stat(to)).rejects.toMatchObject({ code: 'ENOENT' })
    expect(await abandonCopy(from, to)).toMatchObject({ removed: false, freed: false })
    expect(await copyJournal(from, to, { segmentBytes })).toMatchObject({ resumedAt: 0 })
  })

  it('goes on as what it was begun as, of the journal that it was begun with', async () => {
    await makeJournal(from, 50)
    await interrupted(10, { fork: true })
    expect(await codeOf(copyJournal(from, to))).toBe('TARGET_NOT_EMPTY')
    const other = join(root, 'other')
    await (await openDirectory(other, {})).close()
    expect(await codeOf(copyJournal(other, to))).toBe('TARGET_NOT_EMPTY')
    expect(await codeOf(abandonCopy(other, to))).toBe('TARGET_NOT_EMPTY')
    // Of a fork the source may be in use.
    const store = await openDirectory(from, { segmentBytes })
    expect(await abandonCopy(from, to)).toMatchObject({ removed: true, freed: false })
    await store.close()
  })

  it('that was marked as moving when it was cut off is finished, or abandoned, and nothing else', async () => {
    await makeJournal(from, 50)
    await interrupted(10)
    const note = JSON.parse(await readFile(join(to, 'copying.json'), 'utf8')) as {
      readonly copy: { readonly id: string }
    }
    const mark = { state: 'moving', to, copy: note.copy.id, time: 1 } as const
    await withStore(from, (store) => store.relocate(mark))
    await expect(open(from)).rejects.toMatchObject({ code: 'MOVED', details: { state: 'moving' } })
    const third = join(root, 'third')
    expect(await codeOf(copyJournal(from, third))).toBe('MOVED')
    expect(await codeOf(abandonCopy(from, third))).toBe('MOVED')
    expect(await abandonCopy(from, to)).toMatchObject({ removed: true, freed: true })
    await withStore(from, (store) => append(store, [event('a')]))
    await withStore(from, (store) => store.relocate(mark))
    // The target is gone, and this is no mark of another one.
    expect(await codeOf(copyJournal(from, to))).toBe('MOVED')
    expect(await abandonCopy(from, to)).toMatchObject({ removed: false, freed: true })
    // Something else stands where it was.
    for (const make of [() => makeJournal(to), () => mkdir(to).then(() => writeFile(join(to, 'notes'), 'precious'))]) {
      await withStore(from, (store) => store.relocate(mark))
      await make()
      const before = await readdir(to)
      expect(await abandonCopy(from, to)).toMatchObject({ removed: false, freed: true })
      expect((await readdir(to)).sort()).toEqual(before.sort())
      expect(await codeOf(abandonCopy(from, to))).toBe('TARGET_NOT_EMPTY')
      await rm(to, { recursive: true })
    }
    expect(await copyJournal(from, to)).toMatchObject({ outcome: 'moved' })
  })
})

describe('a copy is refused', () => {
  it('to where it comes from, into it, and around it, by whatever name', async () => {
    await makeJournal()
    await symlink(from, join(root, 'link'))
    for (const place of [from, join(root, 'link'), join(from, 'inside'), join(root, 'link', 'inside'), root]) {
      expect(await codeOf(copyJournal(from, place)), place).toBe('INVALID_ARGUMENT')
    }
  })

  it('where something stands', async () => {
    await makeJournal()
    await makeJournal(to)
    expect(await codeOf(copyJournal(from, to))).toBe('TARGET_NOT_EMPTY')
    expect(await codeOf(copyJournal(from, to, { fork: true }))).toBe('TARGET_NOT_EMPTY')
    expect(await codeOf(abandonCopy(from, to))).toBe('TARGET_NOT_EMPTY')
    await mkdir(join(root, 'mine'))
    await writeFile(join(root, 'mine', 'notes'), 'precious')
    expect(await codeOf(copyJournal(from, join(root, 'mine')))).toBe('TARGET_NOT_EMPTY')
    expect(await codeOf(copyJournal(from, join(root, 'mine', 'notes')))).toBe('TARGET_IS_FILE')
    expect(await codeOf(copyJournal(from, join(root, 'mine', 'notes', 'below')))).toBe('TARGET_IS_FILE')
    await withStore(from, (store) => append(store, [event('a')]))
    expect(await readdir(join(root, 'mine'))).toEqual(['notes'])
  })

  it('from where there is no journal, or one in memory that only its process has', async () => {
    expect(await codeOf(copyJournal(from, to))).toBe('JOURNAL_MISSING')
    expect(await codeOf(copyJournal('memory:', to))).toBe('INVALID_ARGUMENT')
    await makeJournal()
    expect(await codeOf(copyJournal(from, 'memory:'))).toBe('INVALID_ARGUMENT')
    expect(await codeOf(copyJournal(from, 'nosuch://x'))).toBe('UNKNOWN_SCHEME')
    const store = await openDirectory(join(root, 'open'), {})
    expect(await codeOf(copyJournal(from, createJournal(store)))).toBe('INVALID_ARGUMENT')
    await store.close()
    expect(await readdir(root)).toEqual(['from', 'open'])
  })

  it('while another process writes, but for a fork, which has what was durable', async () => {
    await makeJournal()
    const writer = await openDirectory(from, { segmentBytes })
    await expect(copyJournal(from, to)).rejects.toMatchObject({
      code: 'LOCKED',
      hint: expect.stringContaining('--fork'),
    })
    const { position } = await append(writer, [event('a', 'just now')])
    const report = await copyJournal(from, to, { fork: true })
    expect(report.compared?.last).toBe(position)
    await append(writer, [event('a', 'and on')])
    await writer.close()
    expect(await withStore(to, async (store) => store.head().position)).toBe(position)
  })

  it('of what is damaged, with its place, and goes on once that is mended', async () => {
    await makeJournal(from, 100)
    const names = (await readdir(join(from, 'segments'))).sort()
    const path = join(from, 'segments', names[20] ?? '')
    const whole = await readFile(path)
    const damaged = Buffer.from(whole)
    damaged[damaged.length >> 1] = (damaged[damaged.length >> 1] ?? 0) ^ 1
    await writeFile(path, damaged)
    await expect(copyJournal(from, to, { segmentBytes })).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { file: `segments/${names[20] ?? ''}` },
    })
    await writeFile(path, whole)
    expect((await copyJournal(from, to, { segmentBytes })).resumedAt).toBeGreaterThan(20)
  })
})

describe('a journal that has moved', () => {
  it('takes nothing more, and says where it went', async () => {
    await makeJournal()
    await copyJournal(from, to)
    await expect(open(from)).rejects.toMatchObject({ code: 'MOVED', details: { state: 'moved', to } })
    expect(await codeOf(open(from, { takeover: true }))).toBe('MOVED')
    expect(await codeOf(submit(from, 'a', { type: 't', data: 1 }, { commandId: 'c' }))).toBe('MOVED')
    expect(await codeOf(copyJournal(from, join(root, 'third')))).toBe('MOVED')
    expect((await verify(from)).findings).toMatchObject([{ kind: 'moved', severity: 'note', file: 'moved.json' }])
    // Reading goes on, and so does forking what was there.
    const reader = await open(from, { readOnly: true })
    expect((await reader.head()).position).toBeGreaterThan(0)
    await reader.close()
    expect(await copyJournal(from, join(root, 'third'), { fork: true })).toMatchObject({ outcome: 'forked' })
  })

  it('refuses what this process still has open', async () => {
    const clock = fakeClock()
    const store = memoryStore({ clock, random: seededRandom(1) })
    await append(store, [event('a', 1)])
    const target = memoryStore({ clock, random: seededRandom(2) })
    await copyJournal(createJournal(store), createJournal(target), { clock })
    expect(await codeOf(append(store, [event('a')]))).toBe('MOVED')
    expect(await codeOf(store.stageBlob(Buffer.from('b')))).toBe('MOVED')
    expect(await codeOf(store.retain({ released: true }, { dryRun: false }))).toBe('MOVED')
    expect(await codeOf(store.retain({ released: true }, { dryRun: true }))).toBe('no error')
    expect(target.identity()).toMatchObject({ epoch: store.identity().epoch })
  })
})

describe('a journal that is in use while it moves', () => {
  it('takes along what came until it was marked', async () => {
    const clock = fakeClock()
    const store = memoryStore({ clock, random: seededRandom(1) })
    for (let index = 0; index < 3_000; index++) await append(store, [event(`s${index % 7}`, index)])
    const outcomes: string[] = []
    const appends: Promise<void>[] = []
    const progress = (): void => {
      const batch = append(store, [event('late', outcomes.length)], { agenda: [{ id: 'late', due: outcomes.length }] })
      appends.push(codeOf(batch).then((code) => void outcomes.push(String(code))))
    }
    const report = await copyJournal(createJournal(store), to, { clock, segmentBytes, progress })
    await Promise.all(appends)
    const taken = outcomes.filter((outcome) => outcome === 'no error').length
    expect(new Set(outcomes)).toEqual(new Set(['no error', 'MOVED']))
    expect(report.compared?.last).toBe(3_000 + taken)
    await withStore(to, async (moved) => {
      expect(await readAll(moved, { kind: 'stream', stream: 'late' })).toHaveLength(taken)
      expect(await moved.agenda({})).toMatchObject([{ id: 'late', due: taken - 1 }])
    })
  })

  it('answers commands from other processes at once: they were not applied', async () => {
    await makeJournal(from, 50)
    let answer: Promise<unknown> | undefined
    const progress = (): void => {
      answer ??= codeOf(submit(from, 'a', { type: 't', data: 'from outside' }, { commandId: 'outside' }))
    }
    const { compared } = await copyJournal(from, to, { segmentBytes, progress })
    expect(await answer).toBe('MOVED')
    await withStore(to, async (moved) => {
      expect(moved.head().position).toBe(compared?.last)
      expect(await moved.command('outside')).toBeUndefined()
    })
  })
})

describe('the comparison', () => {
  const clock = fakeClock()

  /** Loses or changes one record on its way into the target. */
  function lying(target: CopyTarget, change: (record: ImportRecord) => readonly ImportRecord[]): CopyTarget {
    return {
      ...target,
      begin: async (note) => {
        const intake = await target.begin(note)
        async function* changed(pages: AsyncIterable<readonly ImportRecord[]>) {
          for await (const page of pages) yield page.flatMap(change)
        }
        return new Proxy(intake, {
          get: (inner, key) => {
            if (key === 'load') return (pages: AsyncIterable<readonly ImportRecord[]>) => inner.load(changed(pages))
            const value: unknown = Reflect.get(inner, key, inner)
            return typeof value === 'function' ? value.bind(inner) : value
          },
        })
      },
    }
  }

  it.each([
    ['an agenda entry', '{"control":"agenda"', 'agenda'],
    ['a command id', '{"control":"command"', 'command'],
    ['a lease', '{"control":"lease"', 'lease'],
    ['a pin', '{"control":"pin"', 'pin'],
    ['what is released', '{"control":"released"', 'released'],
    ['the forgetting', '{"control":"forget"', 'forget'],
    ['the last event', '"../../etc/passwd"', 'event'],
  ])('finds that %s is missing, and the source goes on', async (_name, text, kind) => {
    const source = memoryStore({ clock, random: seededRandom(1) })
    await fill(source, clock)
    await trim(source, clock)
    const target = memoryStore({ clock, random: seededRandom(2) })
    const change = (record: ImportRecord): readonly ImportRecord[] =>
      (record.control ?? record.event?.text ?? '').includes(text) ? [] : [record]
    const copying = copyStore(
      { name: 'source', store: source, close: async () => undefined },
      lying(target.copyTarget('target'), change),
      { fork: false, clock, random: seededRandom(3) },
    )
    await expect(copying).rejects.toMatchObject({
      code: 'DAMAGED',
      details: { kind: 'copy-differs', differing: [kind] },
    })
    await append(source, [event('a')])
    expect(await codeOf(append(target, [event('a')]))).toBe('COPY_UNFINISHED')
  })

  it('is not given up while somebody goes on with it, and the source stays marked', async () => {
    const source = memoryStore({ clock, random: seededRandom(1) })
    await fill(source, clock)
    const memory = memoryStore({ clock, random: seededRandom(2) })
    const target = memory.copyTarget('target')
    const from = { name: 'source', store: source, close: async () => undefined }
    const { journalId: journal, epoch } = source.identity()
    const copy = 'c'.repeat(32)
    const intake = await target.begin({ id: copy, from: 'source', journal, source: epoch, epoch, begun: 1 })
    await source.relocate({ state: 'moving', to: 'target', copy, time: 1 })
    expect(await codeOf(abandonStore(from, target))).toBe('LOCKED')
    expect(await codeOf(append(source, [event('a')]))).toBe('MOVED')
    await intake.close()
    expect(await abandonStore(from, target)).toMatchObject({ removed: true, freed: true })
    await append(source, [event('a')])
  })

  it('marks the source again when somebody who gave the copy up took the mark back just before', async () => {
    const source = memoryStore({ clock, random: seededRandom(1) })
    await fill(source, clock)
    const memory = memoryStore({ clock, random: seededRandom(2) })
    const target = memory.copyTarget('target')
    const from = { name: 'source', store: source, close: async () => undefined }
    const options = { fork: false, clock, random: seededRandom(3) }
    const stop = new AbortController()
    const stopping = { ...options, signal: stop.signal, progress: () => stop.abort() }
    expect(await codeOf(copyStore(from, target, stopping))).toBe('ABORTED')
    const place = await target.look()
    const copy = place.kind === 'unfinished' ? place.note.id : ''
    await source.relocate({ state: 'moving', to: 'target', copy, time: 1 })
    const late: CopyTarget = {
      ...target,
      begin: async (note) => {
        await source.relocate(undefined)
        return target.begin(note)
      },
    }
    const appended: Promise<unknown>[] = []
    await copyStore(from, late, {
      ...options,
      progress: ({ stage }) => {
        if (stage === 'rest') appended.push(codeOf(append(source, [event('late')])))
      },
    })
    expect(new Set(await Promise.all(appended))).toEqual(new Set(['MOVED']))
    expect(await source.relocation()).toMatchObject({ state: 'moved', copy })
  })

  it.each(['copy', 'rest'] as const)(
    'begins anew when the target, at the stage %s, refuses what comes behind what it has',
    async (stage) => {
      const source = memoryStore({ clock, random: seededRandom(1) })
      await fill(source, clock)
      const before = await seen(source)
      const target = memoryStore({ clock, random: seededRandom(2) })
      const ends = [
        { name: 'source', store: source, close: async () => undefined },
        target.copyTarget('target'),
      ] as const
      const options = { fork: false, clock, random: seededRandom(3) }
      const stop = new AbortController()
      const stopping = { ...options, signal: stop.signal, progress: () => stop.abort() }
      expect(await codeOf(copyStore(...ends, stopping))).toBe('ABORTED')
      let isDue = true
      let at: string | undefined
      const refuse = (record: ImportRecord): readonly ImportRecord[] => {
        // The state comes in the last load alone.
        const isHere = stage === 'copy' ? at === undefined : record.control?.startsWith('{"control":"command"') === true
        if (isDue && isHere) {
          isDue = false
          throw new HoldfastError('IMPORT_INVALID', 'seq 9 does not follow 7')
        }
        return [record]
      }
      const progress = (told: { readonly stage: string }): void => {
        at = told.stage
      }
      await copyStore(ends[0], lying(ends[1], refuse), { ...options, progress })
      expect(isDue).toBe(false)
      expect(await seen(target)).toEqual(before)
      // Where nothing was there before, there is nothing to begin anew.
      const other = memoryStore({ clock, random: seededRandom(4) })
      const never = (): readonly ImportRecord[] => {
        throw new HoldfastError('IMPORT_INVALID', 'as ever')
      }
      await source.relocate(undefined)
      expect(await codeOf(copyStore(ends[0], lying(other.copyTarget('other'), never), options))).toBe('IMPORT_INVALID')
      await append(source, [event('a')])
    },
  )
})
