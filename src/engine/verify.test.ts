import { beforeAll, describe, expect, it } from 'vitest'
import { bodySum, hex8 } from '../core/record.ts'
import type { Disk } from '../disks/disk.ts'
import { diskError } from '../disks/disk-error.ts'
import { isHoldfastError } from '../errors.ts'
import type { Finding, VerifyReport } from '../stores/store.ts'
import { alteredDisk } from '../testing/altered-disk.ts'
import { fakeClock } from '../testing/fake-clock.ts'
import { forgedControl, forgedEvent, forgedJournal } from '../testing/forged-log.ts'
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
  segmentsOf,
  withFile,
} from '../testing/sample-journal.ts'
import { encodeMark } from './durable-mark.ts'
import { stateKeys } from './state-keys.ts'
import { TableSet } from './tables/table-set.ts'
import { verifyDirectory } from './verify.ts'

const samples = 400
const isThorough = process.env.THOROUGH === '1'

let files: Files
let healthy: VerifyReport

beforeAll(async () => {
  files = await sampleFiles(43)
  healthy = await verifyFiles(files)
})

async function verifyFiles(changed: Files): Promise<VerifyReport> {
  return verifyDirectory(await diskOf(changed), {})
}

function ofKind(report: VerifyReport, kind: string): readonly Finding[] {
  return report.findings.filter((finding) => finding.kind === kind)
}

function damages(report: VerifyReport): readonly Finding[] {
  return report.findings.filter(({ severity }) => severity === 'damage')
}

function sizeOf(path: string): number {
  return files.get(path)?.length ?? 0
}

function at<T>(list: readonly T[], index: number): T {
  const found = list.at(index)
  if (found === undefined) throw new Error(`nothing at ${index}`)
  return found
}

describe('a healthy journal', () => {
  it('has no finding when it is closed, and everything is counted', () => {
    expect(healthy.findings).toEqual([])
    expect(healthy).toMatchObject({ ok: true, events: 59, segments: segmentsOf(files).length })
    expect(healthy.segments).toBeGreaterThan(4)
    expect(healthy.records).toBeGreaterThan(healthy.events)
    expect(healthy.bytes).toBeGreaterThanOrEqual(segmentsOf(files).reduce((sum, path) => sum + sizeOf(path), 0))
  })

  it('has no finding while its writer has it open, nor for a reader', async () => {
    const disk = await diskOf(files)
    const clock = fakeClock(1_700_000_100_000)
    const writer = await openSample(disk, { clock })
    await fillSample(writer, clock, 44, 53)
    await writer.flush() // so that the reader knows of all of it
    expect((await writer.verify({})).findings).toEqual([])
    const reader = await openSample(disk, { readOnly: true })
    const report = await reader.verify({})
    expect(report).toMatchObject({ findings: [], ok: true, events: 59 + 14 })
    await reader.close()
    await writer.close()
  })

  it('has no finding for a reader whose writer has gone on to another segment since', async () => {
    const disk = await diskOf(files)
    const clock = fakeClock(1_700_000_100_000)
    const writer = await openSample(disk, { clock })
    const reader = await openSample(disk, { readOnly: true })
    const { segments } = await writer.stats()
    await fillSample(writer, clock, 44, 80)
    expect((await writer.stats()).segments).toBeGreaterThan(segments)
    expect(await reader.verify({})).toMatchObject({ findings: [], ok: true, events: 59, segments })
    await reader.close()
    await writer.close()
  })

  it('has no finding without its caches', async () => {
    const bare = new Map([...files].filter(([path]) => !/^(index|state)\//.test(path)))
    expect((await verifyFiles(bare)).findings).toEqual([])
  })

  it('is told when the published place fits nothing', async () => {
    const segment = at(segmentsOf(files), -1).slice('segments/'.length)
    const bytes = sizeOf(`segments/${segment}`)
    const inLine = encodeMark({ segment, bytes: bytes - 3, position: 1 })
    expect(ofKind(await verifyFiles(withFile(files, 'durable', inLine)), 'durable-implausible')).toHaveLength(1)
    const ahead = encodeMark({ segment, bytes, position: 1_000 })
    expect(ofKind(await verifyFiles(withFile(files, 'durable', ahead)), 'durable-implausible')).toHaveLength(1)
  })

  it('says of an unfinished write that it is one', async () => {
    const active = at(segmentsOf(files), -1)
    const torn = withFile(
      files,
      active,
      Buffer.concat([files.get(active) ?? Buffer.alloc(0), Buffer.from('{"position":9')]),
    )
    expect((await verifyFiles(torn)).findings).toMatchObject([
      { kind: 'tail-torn', severity: 'note', file: active, offset: sizeOf(active) },
    ])
  })
})

describe('one flipped bit', () => {
  async function checkFlip(path: string, offset: number, bit: number): Promise<void> {
    const bytes = files.get(path) ?? Buffer.alloc(0)
    const report = await verifyFiles(withFile(files, path, flipped(bytes, offset, bit)))
    const where = `bit ${bit} of byte ${offset} of ${path}: ${JSON.stringify(report.findings)}`
    if (!path.startsWith('segments/')) {
      checkOutside(path, report, where)
      return
    }
    const line = lineStart(bytes, offset)
    // The last line of the active segment may be an unfinished write: there is no witness above it.
    const isTail = path === at(segmentsOf(files), -1) && line === lineStart(bytes, bytes.length - 1)
    const found = report.findings.filter((finding) => finding.file === path)
    expect(found, where).toHaveLength(1)
    expect(report.findings, where).toHaveLength(1)
    expect(found[0]?.offset, where).toBe(line)
    if (!isTail) expect(report.ok, where).toBe(false)
    expect(report.events, where).toBeGreaterThanOrEqual(healthy.events - 2)
  }

  /** Caches cost time only; the published place says nothing when it is torn. */
  function checkOutside(path: string, report: VerifyReport, where: string): void {
    if (path === 'journal.json') expect(damages(report), where).toMatchObject([{ file: path }])
    else expect(report.ok, where).toBe(true)
    if (path.endsWith('.table') || path === 'durable') expect(report.findings.length, where).toBeGreaterThanOrEqual(1)
  }

  it('in a segment is one damage at its line', async () => {
    const random = prng(Number(process.env.SEED ?? 1))
    for (const path of segmentsOf(files)) {
      for (let round = 0; round < samples / 4; round++)
        await checkFlip(path, random.below(sizeOf(path)), random.below(8))
    }
  })

  it('in the first and last bytes of each line is one damage at that line', async () => {
    for (const path of segmentsOf(files).slice(0, 2)) {
      const bytes = files.get(path) ?? Buffer.alloc(0)
      for (let start = 0; start < bytes.length; start = bytes.indexOf(0x0a, start) + 1) {
        for (const offset of [start, start + 2, bytes.indexOf(0x0a, start) - 3, bytes.indexOf(0x0a, start)]) {
          await checkFlip(path, offset, offset % 7)
        }
      }
    }
  })

  it.skipIf(!isThorough)('of every bit of every file', { timeout: 3_600_000 }, async () => {
    for (const [path, bytes] of files) {
      for (let offset = 0; offset < bytes.length; offset++) {
        for (let bit = 0; bit < 8; bit++) await checkFlip(path, offset, bit)
      }
    }
  })

  it('in the identity is damage, in the published place a note, in a cache a warning', async () => {
    const random = prng(Number(process.env.SEED ?? 2))
    for (const [path, bytes] of files) {
      if (path.startsWith('segments/') || bytes.length === 0 || path === 'owner.json') continue
      for (let round = 0; round < 20; round++) await checkFlip(path, random.below(bytes.length), random.below(8))
    }
  })
})

describe('a cut', () => {
  it('anywhere in a sealed segment is told once, and what is readable counted', async () => {
    const random = prng(3)
    for (const path of segmentsOf(files).slice(0, -1)) {
      const bytes = files.get(path) ?? Buffer.alloc(0)
      for (let round = 0; round < 10; round++) {
        const length = random.below(bytes.length)
        const report = await verifyFiles(withFile(files, path, bytes.subarray(0, length)))
        const found = damages(report)
        expect(found, JSON.stringify(found)).toMatchObject([{ file: path }])
        expect(found[0]?.kind).toMatch(/^segment-(short|header)$/)
      }
    }
  })

  it('of the newest segment below what was durable is told', async () => {
    const path = at(segmentsOf(files), -1)
    const bytes = files.get(path) ?? Buffer.alloc(0)
    const report = await verifyFiles(withFile(files, path, bytes.subarray(0, -1)))
    expect(damages(report)).toMatchObject([{ kind: 'segment-short', file: path, offset: bytes.length - 1 }])
  })

  it('that left bytes behind the end of a sealed segment is a warning', async () => {
    const path = at(segmentsOf(files), 1)
    const bytes = Buffer.concat([files.get(path) ?? Buffer.alloc(0), Buffer.from('rest')])
    const report = await verifyFiles(withFile(files, path, bytes))
    expect(report).toMatchObject({
      ok: true,
      findings: [{ kind: 'segment-excess', file: path, offset: bytes.length - 4 }],
    })
  })
})

describe('segments', () => {
  it('that are missing are told by name', async () => {
    for (const [index, path] of segmentsOf(files).entries()) {
      const report = await verifyFiles(withFile(files, path, undefined))
      const found = damages(report)
      expect(found, JSON.stringify(found)).toMatchObject([{ kind: 'segment-missing', file: path }])
      expect(report.segments).toBe(healthy.segments - 1)
      expect(report.events, `without segment ${index}`).toBeLessThanOrEqual(healthy.events)
    }
  })

  it('that are all missing are damage', async () => {
    const none = new Map([...files].filter(([path]) => !path.startsWith('segments/')))
    expect(ofKind(await verifyFiles(none), 'segment-missing')).toHaveLength(1)
  })

  it('that changed places are both told', async () => {
    const [a, b] = [at(segmentsOf(files), 1), at(segmentsOf(files), 2)]
    const swapped = withFile(withFile(files, a, files.get(b)), b, files.get(a))
    const found = ofKind(await verifyFiles(swapped), 'segment-foreign')
    expect(found.map(({ file }) => file)).toEqual([a, b])
  })

  it('of another journal are told', async () => {
    const other = await otherJournal()
    const path = at(segmentsOf(files), 1)
    const report = await verifyFiles(withFile(files, path, other.get(path) ?? at([...other.values()], 0)))
    expect(damages(report)).toMatchObject([{ kind: 'segment-foreign', file: path, repair: 'foreign' }])
  })

  it('with valid lines of another content are told by their digest', async () => {
    // Two runs of the same script, with clocks that differ: all but the times is the same.
    const other = await otherJournal({ sameIds: true })
    const path = at(segmentsOf(files), 0)
    const report = await verifyFiles(withFile(files, path, other.get(path)))
    expect(damages(report).length).toBeGreaterThanOrEqual(1)
    expect(report.ok).toBe(false)
  })

  it('with a directory in their place, or strangers beside them, are told', async () => {
    const path = at(segmentsOf(files), 1)
    const disk = await diskOf(withFile(files, path, undefined))
    await disk.makeDirectory(path)
    await putFile(disk, 'segments/notes.txt', Buffer.from('x'))
    await putFile(disk, 'segments/00000000000000000099.jsonl.part', Buffer.from('x'))
    await putFile(disk, 'letter.txt', Buffer.from('x'))
    const report = await verifyDirectory(disk, {})
    expect(ofKind(report, 'not-a-file')).toMatchObject([{ file: path, severity: 'damage' }])
    expect(ofKind(report, 'segment-missing')).toMatchObject([{ file: path }])
    expect(
      ofKind(report, 'foreign-file')
        .map(({ file }) => file)
        .sort(),
    ).toEqual(['letter.txt', 'segments/notes.txt'])
    expect(ofKind(report, 'leftover')).toMatchObject([
      { severity: 'note', file: 'segments/00000000000000000099.jsonl.part' },
    ])
  })

  it('that an opened log does not have are told', async () => {
    const disk = await diskOf(files)
    const store = await openSample(disk, { clock: fakeClock(1_700_000_100_000) })
    const strange = at(segmentsOf(files), 1).replace('.jsonl', '_0001.jsonl')
    await putFile(disk, strange, files.get(at(segmentsOf(files), 1)) ?? Buffer.alloc(0))
    const report = await store.verify({})
    expect(report.findings).toMatchObject([
      { kind: 'segment-unexpected', severity: 'warning', file: strange, repair: 'foreign' },
    ])
    expect(report).toMatchObject({ ok: true, events: healthy.events, segments: healthy.segments })
    await store.close()
  })

  async function otherJournal(options: { readonly sameIds?: boolean } = {}): Promise<Files> {
    const disk = await diskOf(new Map())
    const clock = fakeClock(1_600_000_000_000)
    const store = await openSample(disk, { clock, seed: options.sameIds === true ? 1 : 2 })
    await fillSample(store, clock, 1, 43)
    await store.close()
    return filesOf(disk)
  }
})

describe('the caches', () => {
  it('of an older state of the journal are fine: they cover less', async () => {
    const older = await sampleFiles(20)
    const changed = new Map([...files].filter(([path]) => !/^(index|state)\//.test(path)))
    for (const [path, bytes] of older) if (/^(index|state)\//.test(path)) changed.set(path, bytes)
    expect((await verifyFiles(changed)).ok).toBe(true)
  })

  it('that say something else than the log are stale', async () => {
    const disk = await diskOf(files)
    const tables = await TableSet.open(disk, { folder: 'state' })
    const head = stateKeys.head('orders/1')
    await tables.flush([[head, '[99,99,1]']], tables.note)
    await tables.close()
    const report = await verifyDirectory(disk, {})
    expect(report).toMatchObject({ ok: true, findings: [{ kind: 'state-stale', repair: 'caches', file: 'state' }] })
    const forgotten = await diskOf(files)
    const others = await TableSet.open(forgotten, { folder: 'state' })
    await others.flush([[stateKeys.command('command 5'), null]], others.note)
    await others.close()
    expect(ofKind(await verifyDirectory(forgotten, {}), 'state-stale')).toHaveLength(1)
  })

  it('whose index is of another segment are told', async () => {
    const [first, second] = [...files.keys()].filter((path) => path.startsWith('index/')).sort()
    const report = await verifyFiles(withFile(files, String(first), files.get(String(second))))
    expect(report.ok).toBe(true)
    expect(report.findings).toMatchObject([{ kind: 'index-damaged', file: first, repair: 'caches' }])
  })
})

describe('verification', () => {
  it('stops when it is told to', async () => {
    const stop = new AbortController()
    const progress = () => stop.abort()
    const disk = await diskOf(files)
    await expect(verifyDirectory(disk, { signal: stop.signal, progress })).rejects.toSatisfy((error) =>
      isHoldfastError(error, 'ABORTED'),
    )
  })

  it('tells how far it is, never backwards, and ends at the whole', async () => {
    const told: { bytesDone: number; bytesTotal: number }[] = []
    await verifyDirectory(await diskOf(files), { progress: (each) => told.push(each) })
    for (const [index, { bytesDone }] of told.entries())
      expect(bytesDone).toBeGreaterThanOrEqual(told[index - 1]?.bytesDone ?? 0)
    expect(at(told, -1).bytesDone).toBe(at(told, -1).bytesTotal)
  })

  it('takes a file that cannot be read as a finding, and reads the others', async () => {
    const path = at(segmentsOf(files), 1)
    const disk = failing(await diskOf(files), path)
    const report = await verifyDirectory(disk, {})
    expect(damages(report)).toMatchObject([{ kind: 'io-error', file: path }])
    expect(report.events).toBeGreaterThan(0)
  })

  it('says when it checked a sample of what is too much for memory', async () => {
    const streams = Array.from({ length: 200_001 }, (_, number) => [`s${number}`, 1])
    const lines = [forgedEvent(1), forgedControl({ control: 'retain', time: 5, streams })]
    const report = await verifyFiles(forgedJournal([{ lines }]))
    expect(report.findings).toMatchObject([{ kind: 'verify-sampled', severity: 'note' }])
    expect(report).toMatchObject({ ok: true, events: 1, records: 2 })
  })

  it('changes nothing', async () => {
    const disk = await diskOf(files)
    await verifyDirectory(disk, {})
    expect(await filesOf(disk)).toEqual(files)
  })

  it('says when a newer release wrote a segment', async () => {
    const path = at(segmentsOf(files), -1)
    const text = (await bytesOf(await diskOf(files), path)).toString()
    const end = text.indexOf('\n')
    const body = text.slice(0, end - 36).replace('"holdfast":1', '"holdfast":2')
    const tail = text.slice(end - 19)
    const newer = Buffer.from(`${body},"sum":"${hex8(bodySum(body))}"${tail}`)
    const report = await verifyFiles(withFile(files, path, newer))
    expect(ofKind(report, 'newer-format')).toMatchObject([{ file: path, severity: 'damage' }])
  })

  function failing(disk: Disk, path: string): Disk {
    return alteredDisk(disk, {
      open: (name, options) =>
        name === path ? Promise.reject(diskError('EIO', 'open', name)) : disk.open(name, options),
    })
  }
})
