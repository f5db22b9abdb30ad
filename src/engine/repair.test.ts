import { beforeAll, describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { isHoldfastError } from '../errors.ts'
import type { FileStore } from '../stores/file/file-store.ts'
import type { RawEvent } from '../stores/store.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { prng } from '../testing/prng.ts'
import {
  bytesOf,
  diskOf,
  type Files,
  filesOf,
  fillSample,
  flipped,
  lineStart,
  openSample,
  putFile,
  sampleFiles,
  sampleProcess,
  segmentsOf,
  withFile,
} from '../testing/sample-journal.ts'
import { type RepairAction, type RepairReport, repairDirectory } from './repair.ts'
import { verifyDirectory } from './verify.ts'

let files: Files
let before: readonly RawEvent[]

beforeAll(async () => {
  files = await sampleFiles(43)
  before = await eventsOf(await diskOf(files))
})

function repair(disk: Disk, actions: readonly RepairAction[], dryRun: boolean = false): Promise<RepairReport> {
  const clock = fakeClock(1_700_000_200_000)
  return repairDirectory(disk, { actions, clock, ownership: { process: sampleProcess }, dryRun })
}

async function eventsOf(disk: Disk): Promise<readonly RawEvent[]> {
  const store = await openSample(disk, { clock: fakeClock(1_700_000_300_000) })
  try {
    return await eventsIn(store)
  } finally {
    await store.close()
  }
}

async function eventsIn(store: FileStore): Promise<readonly RawEvent[]> {
  const events: RawEvent[] = []
  for await (const page of store.read({ select: { kind: 'all' }, direction: 'forward' })) {
    for (const item of page) if (!('removed' in item)) events.push(item)
  }
  return events
}

function bytes(path: string): Buffer {
  return files.get(path) ?? Buffer.alloc(0)
}

function path(index: number): string {
  return segmentsOf(files).at(index) ?? ''
}

/** Goes on writing, and all is well also then. */
async function goOn(disk: Disk): Promise<void> {
  const clock = fakeClock(1_700_000_400_000)
  const store = await openSample(disk, { clock })
  await fillSample(store, clock, 500, 520)
  expect((await store.verify({})).findings.filter(({ kind }) => kind !== 'set-aside')).toEqual([])
  await store.close()
  const after = await verifyDirectory(disk, {})
  expect(after.findings.filter(({ kind }) => kind !== 'set-aside')).toEqual([])
}

describe('excise', () => {
  it('takes out one damaged line of any segment, and keeps all else with its numbers', async () => {
    const random = prng(11)
    for (const file of segmentsOf(files)) {
      for (let round = 0; round < 6; round++) {
        const header = bytes(file).indexOf(0x0a) + 1
        const last = file === path(-1) ? lineStart(bytes(file), bytes(file).length - 1) : bytes(file).length
        const offset = header + random.below(last - header)
        const disk = await diskOf(withFile(files, file, flipped(bytes(file), offset, random.below(7))))
        const line = lineStart(bytes(file), offset)
        const report = await repair(disk, [{ do: 'excise', file, offset: line }])
        const where = `byte ${offset} of ${file}`
        expect(report.verifyAfter.ok, `${where}: ${JSON.stringify(report.verifyAfter.findings)}`).toBe(true)
        expect(report.actions[0]?.setAside.length, where).toBeGreaterThan(0)
        const after = await eventsOf(disk)
        const gone = before.filter((event) => !after.some(({ position }) => position === event.position))
        expect(gone.length, where).toBe(report.actions[0]?.eventsLost)
        expect(gone.length, where).toBeLessThanOrEqual(2)
        expect(after, where).toEqual(before.filter((event) => !gone.includes(event)).map(unmore(after)))
        await goOn(disk)
      }
    }
  })

  /** Where the end of a batch was lost, the line before still says that more follows: that is as it was. */
  function unmore(after: readonly RawEvent[]): (event: RawEvent) => RawEvent {
    return (event) => ({
      ...event,
      more: after.find(({ position }) => position === event.position)?.more ?? event.more,
    })
  }

  it('takes out several places of several segments at once', async () => {
    const damagedFiles = new Map(files)
    const actions: RepairAction[] = []
    for (const index of [0, 1, -1]) {
      const file = path(index)
      const header = bytes(file).indexOf(0x0a) + 1
      damagedFiles.set(file, flipped(bytes(file), header + 40, 2))
      actions.push({ do: 'excise', file, offset: header })
    }
    const disk = await diskOf(damagedFiles)
    const report = await repair(disk, actions)
    expect(report.verifyAfter.ok).toBe(true)
    expect(report.actions.map(({ eventsLost }) => eventsLost)).toHaveLength(3)
    await goOn(disk)
  })

  it.each([[[0, 1, -1]], [[-1, 1, 0]], [[1, -1, 0]]])(
    'begins with the newest of several segments, in whatever order they were chosen: %j',
    async (order) => {
      const damagedFiles = new Map(files)
      for (const index of order)
        damagedFiles.set(path(index), flipped(bytes(path(index)), bytes(path(index)).indexOf(0x0a) + 41, 2))
      const actions = order.map((index): RepairAction => {
        const file = path(index)
        return { do: 'excise', file, offset: bytes(file).indexOf(0x0a) + 1 }
      })
      const disk = await diskOf(damagedFiles)
      const report = await repair(disk, actions)
      expect(report.actions.map(({ file }) => file)).toEqual([path(-1), path(1), path(0)])
      expect(report.verifyAfter.ok).toBe(true)
      await goOn(disk)
    },
  )

  it('never gives lost numbers away again', async () => {
    const file = path(-1)
    const line = lineStart(bytes(file), bytes(file).length - 1)
    const previous = lineStart(bytes(file), line - 1)
    const disk = await diskOf(withFile(files, file, flipped(bytes(file), previous + 20, 3)))
    const report = await repair(disk, [{ do: 'excise', file, offset: previous }])
    expect(report.verifyAfter.ok).toBe(true)
    const store = await openSample(disk, { clock: fakeClock(1_700_000_400_000) })
    const newest = before.at(-1)?.position ?? 0
    expect(store.head().position).toBe(newest)
    await store.close()
  })

  it('refuses where nothing is damaged, and where more is damaged than was chosen', async () => {
    const file = path(1)
    const header = bytes(file).indexOf(0x0a) + 1
    const sound = await diskOf(files)
    await expect(repair(sound, [{ do: 'excise', file, offset: header }])).rejects.toSatisfy(invalid)
    expect(await segmentsSame(sound, files)).toBe(true)
    const far = lineStart(bytes(file), bytes(file).length - 200)
    const twice = withFile(files, file, flipped(flipped(bytes(file), header + 9, 1), far + 9, 1))
    const disk = await diskOf(twice)
    await expect(repair(disk, [{ do: 'excise', file, offset: header }])).rejects.toSatisfy(invalid)
    expect(await segmentsSame(disk, twice)).toBe(true)
    const report = await repair(disk, [
      { do: 'excise', file, offset: header },
      { do: 'excise', file, offset: far },
    ])
    expect(report.verifyAfter.ok).toBe(true)
  })
})

describe('cut', () => {
  it('ends the log before any line, at the last complete batch', async () => {
    for (const file of segmentsOf(files)) {
      const content = bytes(file)
      for (let offset = content.indexOf(0x0a) + 1, count = 0; offset < content.length; count++) {
        if (count % 4 === 0) {
          const damagedFile = flipped(content, offset + 5, 1)
          const disk = await diskOf(withFile(files, file, damagedFile))
          const report = await repair(disk, [{ do: 'cut', file, offset }])
          const after = await eventsOf(disk)
          expect(report.verifyAfter.ok, `${offset} of ${file}: ${JSON.stringify(report.verifyAfter.findings)}`).toBe(
            true,
          )
          expect(after).toEqual(before.slice(0, after.length))
          expect(after.at(-1)?.more ?? false).toBe(false)
          expect(report.actions[0]?.eventsLost).toBeGreaterThanOrEqual(before.length - after.length - 1)
          await goOn(disk)
        }
        offset = content.indexOf(0x0a, offset) + 1
      }
    }
  })

  it('helps when a header is damaged, a segment is missing, or the newest is too short', async () => {
    const header = await diskOf(withFile(files, path(2), flipped(bytes(path(2)), 30, 2)))
    expect((await repair(header, [{ do: 'cut', file: path(2), offset: 0 }])).verifyAfter.ok).toBe(true)
    await goOn(header)
    const missing = await diskOf(withFile(files, path(1), undefined))
    expect((await repair(missing, [{ do: 'cut', file: path(1), offset: 0 }])).verifyAfter.ok).toBe(true)
    await goOn(missing)
    const size = bytes(path(-1)).length - 30
    const short = await diskOf(withFile(files, path(-1), bytes(path(-1)).subarray(0, size)))
    expect((await repair(short, [{ do: 'cut', file: path(-1), offset: size }])).verifyAfter.ok).toBe(true)
    await goOn(short)
  })

  it('works within what recovery carried', async () => {
    const disk = await diskOf(files)
    const file = path(1)
    // An excised active segment is carried as a whole.
    const cut = await repair(disk, [{ do: 'cut', file: path(2), offset: 0 }])
    expect(cut.verifyAfter.ok).toBe(true)
    const content = await bytesOf(disk, file)
    const first = content.indexOf(0x0a) + 1
    const second = content.indexOf(0x0a, first) + 1
    await putFile(disk, file, flipped(content, first + 5, 1))
    expect((await repair(disk, [{ do: 'excise', file, offset: first }])).verifyAfter.ok).toBe(true)
    const carried = await bytesOf(disk, file)
    const third = carried.indexOf(0x0a, second) + 1
    const again = carried.indexOf(0x0a, third) + 1
    expect((await repair(disk, [{ do: 'cut', file, offset: again }])).verifyAfter.ok).toBe(true)
    await goOn(disk)
  })

  it('refuses an offset where no line begins, and a log of which nothing would be left', async () => {
    const disk = await diskOf(files)
    await expect(repair(disk, [{ do: 'cut', file: path(1), offset: bytes(path(1)).length - 5 }])).rejects.toSatisfy(
      invalid,
    )
    await expect(repair(disk, [{ do: 'cut', file: path(0), offset: 0 }])).rejects.toSatisfy(invalid)
    await expect(repair(disk, [{ do: 'cut', file: 'journal.json', offset: 0 }])).rejects.toSatisfy(invalid)
    expect(await segmentsSame(disk, files)).toBe(true)
  })

  it('says what it would do, and does nothing, in a dry run', async () => {
    const disk = await diskOf(files)
    const report = await repair(disk, [{ do: 'cut', file: path(1), offset: 0 }], true)
    expect(report.actions).toMatchObject([{ do: 'cut', file: path(1), setAside: [] }])
    expect(report.actions[0]?.eventsLost).toBeGreaterThan(30)
    expect(await filesOf(disk)).toEqual(files)
  })
})

describe('the other repairs', () => {
  it('write a lost or damaged identity anew, just as it was', async () => {
    const identity = 'journal.json'
    for (const content of [undefined, flipped(bytes(identity), 30, 1), Buffer.from('{"other":"file"}')]) {
      const disk = await diskOf(withFile(files, identity, content))
      const report = await repair(disk, [{ do: 'identity' }])
      expect(report.verifyAfter.ok).toBe(true)
      expect(await bytesOf(disk, identity)).toEqual(bytes(identity))
      expect(report.actions[0]?.setAside).toHaveLength(content === undefined ? 0 : 1)
    }
    await expect(repair(await diskOf(files), [{ do: 'identity' }])).rejects.toSatisfy(invalid)
  })

  it('drop the caches, which come back', async () => {
    const disk = await diskOf(files)
    await repair(disk, [{ do: 'caches' }])
    expect([...(await filesOf(disk)).keys()].filter((name) => /^(index|state)\//.test(name))).toEqual([])
    await goOn(disk)
  })

  it('move a stranger away, and nothing that is not one', async () => {
    const disk = await diskOf(files)
    await putFile(disk, 'segments/letter.txt', Buffer.from('dear'))
    const report = await repair(disk, [{ do: 'foreign', file: 'segments/letter.txt' }])
    expect(report.verifyAfter.findings).toMatchObject([{ kind: 'set-aside' }])
    const copy = report.actions[0]?.setAside[0] ?? ''
    expect((await bytesOf(disk, copy)).toString()).toBe('dear')
    await expect(repair(disk, [{ do: 'foreign', file: path(0) }])).rejects.toSatisfy(invalid)
  })

  it('hold the lock: a journal in use is not repaired', async () => {
    const disk = await diskOf(files)
    const store = await openSample(disk)
    await expect(repair(disk, [{ do: 'caches' }])).rejects.toSatisfy((error) => isHoldfastError(error, 'LOCKED'))
    await store.close()
    await repair(disk, [{ do: 'caches' }])
  })

  it('change nothing when one of several does not apply', async () => {
    const disk = await diskOf(files)
    await expect(repair(disk, [{ do: 'caches' }, { do: 'identity' }])).rejects.toSatisfy(invalid)
    expect([...(await filesOf(disk)).keys()].some((name) => name.startsWith('index/'))).toBe(true)
  })
})

function invalid(error: unknown): boolean {
  return isHoldfastError(error, 'INVALID_ARGUMENT')
}

async function segmentsSame(disk: Disk, expected: Files): Promise<boolean> {
  for (const file of segmentsOf(expected)) {
    if (!(await bytesOf(disk, file)).equals(expected.get(file) ?? Buffer.alloc(0))) return false
  }
  return true
}

describe('what is chosen', () => {
  it.each(['cut', 'excise'] as const)('may not be a cut together with a %s', async (other) => {
    const disk = await diskOf(files)
    const both: readonly RepairAction[] = [
      { do: 'cut', file: path(-1), offset: 0 },
      { do: other, file: path(-1), offset: 0 },
    ]
    await expect(repair(disk, both)).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    expect((await filesOf(disk)).get(path(-1))).toEqual(files.get(path(-1)))
  })

  it('must be a repair that there is', async () => {
    const unknown = { do: 'everything' } as unknown as RepairAction
    await expect(repair(await diskOf(files), [unknown])).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
  })
})
