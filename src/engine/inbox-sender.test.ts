import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { HoldfastError } from '../errors.ts'
import { limits } from '../limits.ts'
import { command, inboxFiles, inboxScene, settle } from '../testing/inbox-scene.ts'
import { seededRandom } from '../testing/seeded-random.ts'
import { Inbox } from './inbox.ts'
import { commandName, replyPath } from './inbox-command.ts'
import { writeReply } from './inbox-reply.ts'
import { sendCommand } from './inbox-sender.ts'
import { writeWholeFile } from './whole-file.ts'

const timeoutMs = 1_000

function caught(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => ({ resolved: value }),
    (error: unknown) => error,
  )
}

/** A disk on which `act` runs before each call of `method`. */
function before(disk: Disk, method: keyof Disk, act: (path: string) => void): Disk {
  return new Proxy(disk, {
    get(target, key: keyof Disk) {
      const value = target[key]
      if (typeof value !== 'function') return value
      return (...args: unknown[]) => {
        if (key === method) act(String(args[0]))
        return (value as (...all: readonly unknown[]) => unknown).apply(target, args)
      }
    },
  })
}

describe('sending a command', () => {
  it('gives the receipt, leaves nothing behind, and needs no clock for it', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    const receipt = await sendCommand(disk, clock, command('c'), { timeoutMs })
    expect(receipt).toMatchObject({ position: 1, seq: 1, duplicate: false, durable: true })
    const again = await sendCommand(disk, clock, command('c'), { timeoutMs })
    expect(again).toEqual({ ...receipt, duplicate: true })
    await settle()
    expect(await stored()).toEqual(['c'])
    expect(await inboxFiles(disk)).toEqual([])
    await inbox.stop()
    expect(clock.waiting).toBe(0)
  })

  it('rejects with the error of the owner, whole', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    await sendCommand(disk, clock, command('c'), { timeoutMs })
    const other = command('c', 'other content')
    const direct = await caught(store.append(other))
    expect(await caught(sendCommand(disk, clock, other, { timeoutMs }))).toEqual(direct)
    expect(direct).toMatchObject({ code: 'COMMAND_CONFLICT' })
    await settle()
    expect(await stored()).toEqual(['c'])
    expect(await inboxFiles(disk)).toEqual([])
    await inbox.stop()
  })

  it('is answered for each of many at once, also when they share an id', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    const ids = Array.from({ length: 40 }, (_, index) => `c${index % 10}`)
    const receipts = await Promise.all(ids.map((id) => sendCommand(disk, clock, command(id), { timeoutMs })))
    expect(receipts.filter(({ duplicate }) => !duplicate)).toHaveLength(10)
    expect([...(await stored())].sort()).toEqual([...new Set(ids)].sort())
    await inbox.stop()
  })

  it('ends with OWNER_SILENT when nobody answers; what it sent takes effect later, once, also when repeated', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const sent = caught(sendCommand(disk, clock, command('c'), { timeoutMs }))
    await settle()
    for (let passed = 0; passed < timeoutMs; passed += 10) {
      clock.advance(10)
      await settle()
    }
    expect(await sent).toMatchObject({ code: 'OWNER_SILENT', retryable: true })
    expect(clock.waiting).toBe(0)
    const repeated = sendCommand(disk, clock, command('c'), { timeoutMs })
    await settle()
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    expect(await repeated).toMatchObject({ position: 1 })
    expect(await stored()).toEqual(['c'])
    await inbox.stop()
  })

  it('can be given up, and what is queued stays queued', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const giveUp = new AbortController()
    const sent = caught(sendCommand(disk, clock, command('c'), { timeoutMs, signal: giveUp.signal }))
    await settle()
    giveUp.abort(new Error('enough'))
    expect(await sent).toMatchObject({ code: 'ABORTED', cause: { message: 'enough' } })
    const late = sendCommand(disk, clock, command('d'), { timeoutMs, signal: giveUp.signal })
    expect(await caught(late)).toMatchObject({ code: 'ABORTED' })
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    expect(await stored()).toEqual(['c'])
    await inbox.stop()
  })

  it('is refused when the inbox is full', async () => {
    const disk = memoryDisk()
    const { clock } = inboxScene()
    await disk.makeDirectory('inbox')
    for (let number = 0; number < limits.inboxCommandsMax; number++) {
      const name = commandName('c', { time: number, unique: '0'.repeat(16) })
      await disk.open(`inbox/${name}.json`, { mode: 'write', create: 'exclusive' })
    }
    expect(await caught(sendCommand(disk, clock, command('d'), { timeoutMs }))).toMatchObject({ code: 'QUEUE_FULL' })
    expect(await inboxFiles(disk)).toHaveLength(limits.inboxCommandsMax)
  })

  it('is sent again when it vanished unanswered', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const sent = sendCommand(disk, clock, command('c'), { timeoutMs })
    await settle()
    const [file] = await inboxFiles(disk)
    await disk.remove(`inbox/${file}`)
    await settle()
    expect(await inboxFiles(disk)).toEqual([file])
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    expect(await sent).toMatchObject({ position: 1 })
    expect(await stored()).toEqual(['c'])
    await inbox.stop()
  })

  it('is indeterminate when the answer can not be read', async () => {
    const disk = memoryDisk()
    const { clock } = inboxScene()
    const random = seededRandom(1)
    const sent = caught(sendCommand(disk, clock, command('c'), { timeoutMs, random }))
    await settle()
    const name = commandName('c', { time: clock.now(), unique: seededRandom(1).hex(8) })
    await writeWholeFile(disk, replyPath(name), Buffer.from('{"holdfast":1,"ok":{},"sum":"00000000"}\n'))
    expect(await sent).toMatchObject({ code: 'INDETERMINATE', retryable: true })
  })

  it('tells a refusal only when the command is gone for good', async () => {
    const disk = memoryDisk()
    const { clock, store } = inboxScene()
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    let synced = 0
    const seen = before(disk, 'syncDirectory', () => synced++)
    const refused = command('c', 1, { expect: new Map([['s', 9]]) })
    expect(await caught(sendCommand(seen, clock, refused, { timeoutMs }))).toMatchObject({ code: 'SEQ_CONFLICT' })
    expect(synced).toBe(2) // when it was queued, and before it was told
    await inbox.stop()
  })

  it('that was refused never takes effect, although the owner died before it removed the command', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const random = seededRandom(1)
    const sent = caught(sendCommand(disk, clock, command('c'), { timeoutMs, random }))
    await settle()
    const name = commandName('c', { time: clock.now(), unique: seededRandom(1).hex(8) })
    await writeReply(disk, name, { error: new HoldfastError('SEQ_CONFLICT', 'refused') })
    expect(await sent).toMatchObject({ code: 'SEQ_CONFLICT' })
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    expect(await stored()).toEqual([])
    await inbox.stop()
  })

  it('looks around while nobody answers', async () => {
    const disk = memoryDisk()
    const { clock } = inboxScene()
    let looks = 0
    const whileSilent = async (): Promise<void> => void looks++
    const sent = caught(sendCommand(disk, clock, command('c'), { timeoutMs: 2_000, whileSilent }))
    for (let passed = 0; passed <= 2_000; passed += 10) {
      await settle()
      clock.advance(10)
    }
    expect(await sent).toMatchObject({ code: 'OWNER_SILENT' })
    expect(looks).toBe(3)
  })

  it.each([
    ['ENOSPC', 'DISK_FULL'],
    ['EACCES', 'NO_PERMISSION'],
    ['EIO', 'IO'],
  ] as const)('tells %s of the disk as %s, and a later attempt takes effect once', async (fault, code) => {
    for (let at = 1; ; at++) {
      const disk = memoryDisk()
      const { clock, store, stored } = inboxScene()
      const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
      await inbox.start()
      const faulty = faultyDisk(disk, { at, times: 'forever', fault })
      const outcome = await caught(sendCommand(faulty, clock, command('c'), { timeoutMs }))
      if (faulty.faults === 0) break
      expect(outcome, `operation ${at}`).toMatchObject({ code })
      await sendCommand(disk, clock, command('c'), { timeoutMs })
      expect(await stored()).toEqual(['c'])
      await inbox.stop()
    }
  })
})
