import { describe, expect, it } from 'vitest'
import type { Disk } from '../disks/disk.ts'
import { faultyDisk } from '../disks/faulty-disk.ts'
import { memoryDisk } from '../disks/memory-disk.ts'
import { HoldfastError } from '../errors.ts'
import { alteredDisk } from '../testing/altered-disk.ts'
import { command, inboxFiles, inboxScene, queueCommand, settle } from '../testing/inbox-scene.ts'
import { Inbox } from './inbox.ts'
import { commandPath, replyPath } from './inbox-command.ts'
import { inboxLine } from './inbox-line.ts'
import { readReply, writeReply } from './inbox-reply.ts'
import { folders } from './layout.ts'
import { listNames, readWholeFile, writeWholeFile } from './whole-file.ts'

/** No notice ever arrives. */
function deaf(disk: Disk): Disk {
  return new Proxy(disk, {
    get(target, key: keyof Disk) {
      if (key === 'watch') return () => ({ close: () => undefined })
      const value = target[key]
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

const time = 1_700_000_000_000

describe('the inbox', () => {
  it('applies what waits at the start, in the order of sending', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    for (const number of [3, 1, 2]) await queueCommand(disk, command(`c${number}`, number), time + number)
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    expect(await stored()).toEqual([1, 2, 3])
    expect((await inboxFiles(disk)).every((file) => file.endsWith('.reply'))).toBe(true)
    await inbox.stop()
  })

  it('applies what comes, at the notice of it', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    const name = await queueCommand(disk, command('c'), time)
    await settle()
    expect(await stored()).toEqual(['c'])
    expect(await readReply(disk, name)).toEqual({
      ok: await store.command('c').then((first) => ({ ...first, duplicate: false })),
    })
    await inbox.stop()
  })

  it('applies what comes although no notice of it arrives', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const inbox = new Inbox(deaf(disk), clock, (batch) => store.append(batch))
    await inbox.start()
    await queueCommand(disk, command('c'), time)
    await settle()
    expect(await stored()).toEqual([])
    clock.advance(40)
    await settle()
    expect(await stored()).toEqual(['c'])
    await inbox.stop()
    expect(clock.waiting).toBe(0)
  })

  it('goes on where its folder was removed: the next sender makes it anew', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const inbox = new Inbox(deaf(disk), clock, (batch) => store.append(batch))
    await inbox.start()
    await disk.removeDirectory(folders.inbox)
    clock.advance(40)
    await settle()
    expect(inbox.failure).toBeUndefined()
    await queueCommand(disk, command('c'), time)
    clock.advance(40)
    await settle()
    expect(await stored()).toEqual(['c'])
    await inbox.stop()
  })

  it('answers a refusal with all that the error says', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const batch = command('c', 1, { expect: new Map([['s', 5]]) })
    const name = await queueCommand(disk, batch, time)
    const refusal = await store.append(batch).catch((error: unknown) => error)
    const inbox = new Inbox(disk, clock, (again) => store.append(again))
    await inbox.start()
    expect(refusal).toMatchObject({ code: 'SEQ_CONFLICT' })
    expect(await readReply(disk, name)).toEqual({ error: refusal })
    expect(await stored()).toEqual([])
    expect(await inboxFiles(disk)).toEqual([`${name}.reply`])
    await inbox.stop()
  })

  it('never applies what was answered before', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const name = await queueCommand(disk, command('c'), time)
    await writeReply(disk, name, { error: new HoldfastError('SEQ_CONFLICT', 'refused') })
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    expect(await stored()).toEqual([])
    expect(await inboxFiles(disk)).toEqual([`${name}.reply`])
    await inbox.stop()
  })

  it('keeps what is damaged, answers it, and goes on with the rest', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const name = await queueCommand(disk, command('a'), time)
    await queueCommand(disk, command('b'), time + 1)
    const line = await readWholeFile(disk, commandPath(name), 10_000)
    const damaged = Buffer.from(String(line).replace('"data":"\\"a\\""', '"data":"\\"x\\""'))
    await writeWholeFile(disk, commandPath(name), damaged)
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await inbox.start()
    expect(await stored()).toEqual(['b'])
    expect(await readReply(disk, name)).toMatchObject({ error: { code: 'DAMAGED' } })
    expect(await readWholeFile(disk, `set-aside/${name}.json`, 10_000)).toEqual(damaged)
    expect(await inboxFiles(disk)).not.toContain(`${name}.json`)
    await inbox.stop()
  })

  it('moves away what others call a command, keeps each, and leaves all else alone', async () => {
    const disk = memoryDisk()
    const { clock, store } = inboxScene()
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    await disk.makeDirectory('inbox')
    await disk.makeDirectory(`inbox/${'d'.repeat(3)}.json`)
    for (const name of ['.DS_Store', 'two words.json', 'x.json'])
      await writeWholeFile(disk, `inbox/${name}`, Buffer.from(name))
    await inbox.start()
    await writeWholeFile(disk, 'inbox/x.json', Buffer.from('second'))
    await settle()
    expect(await inboxFiles(disk)).toEqual(['.DS_Store', 'ddd.json', 'two words.json'])
    expect([...(await listNames(disk, 'set-aside'))].sort()).toEqual(['x.json', 'x.json.1'])
    expect(inbox.failure).toBeUndefined()
    await inbox.stop()
  })

  it('keeps commands, unanswered and in order, while the writer is not well', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    let isWell = false
    const first = await queueCommand(disk, command('a'), time)
    const second = await queueCommand(disk, command('b'), time + 1)
    const inbox = new Inbox(disk, clock, (batch) =>
      isWell ? store.append(batch) : Promise.reject(new HoldfastError('LATCHED', 'stopped')),
    )
    await inbox.start()
    clock.advance(5_000)
    await settle()
    expect(await inboxFiles(disk)).toEqual([`${first}.json`, `${second}.json`])
    expect(inbox.failure).toMatchObject({ code: 'LATCHED' })
    isWell = true
    clock.advance(500)
    await settle()
    expect(await stored()).toEqual(['a', 'b'])
    expect(inbox.failure).toBeUndefined()
    await inbox.stop()
  })

  it('removes replies that nobody fetches, and what senders never finished, after a minute', async () => {
    const disk = memoryDisk()
    const { clock, store } = inboxScene()
    const inbox = new Inbox(disk, clock, (batch) => store.append(batch))
    const name = await queueCommand(disk, command('c'), time)
    await writeWholeFile(disk, 'inbox/unfinished.json.part', Buffer.from('{'))
    await inbox.start()
    const pass = async (ms: number): Promise<void> => {
      for (let passed = 0; passed < ms; passed += 1_000) {
        clock.advance(1_000)
        await settle()
      }
    }
    await pass(59_000)
    expect(await inboxFiles(disk)).toEqual([`${name}.reply`, 'unfinished.json.part'])
    await pass(2_000)
    expect(await inboxFiles(disk)).toEqual([])
    await inbox.stop()
  })

  it('waits at stop for the command that is being applied, and leaves the others', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    await queueCommand(disk, command('a'), time)
    const second = await queueCommand(disk, command('b'), time + 1)
    let goOn: () => void = () => undefined
    const held = new Promise<void>((resolve) => {
      goOn = resolve
    })
    const inbox = new Inbox(disk, clock, async (batch) => {
      await held
      return store.append(batch)
    })
    const started = inbox.start()
    await settle()
    let isStopped = false
    const stopped = inbox.stop().then(() => {
      isStopped = true
    })
    await settle()
    expect(isStopped).toBe(false)
    goOn()
    await Promise.all([started, stopped])
    expect(await stored()).toEqual(['a'])
    expect(await inboxFiles(disk)).toContain(`${second}.json`)
    expect(clock.waiting).toBe(0)
  })

  it('passes over a command that was taken back just as its turn came', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    const name = await queueCommand(disk, command('a'), time)
    await queueCommand(disk, command('b'), time + 1)
    const open: Disk['open'] = async (path, options) => {
      if (path === commandPath(name)) await disk.remove(path)
      return disk.open(path, options)
    }
    const inbox = new Inbox(alteredDisk(disk, { open }), clock, (batch) => store.append(batch))
    await inbox.start()
    expect(await stored()).toEqual(['b'])
    expect(inbox.failure).toBeUndefined()
    expect((await inboxFiles(disk)).filter((file) => file.startsWith(name))).toEqual([])
    await inbox.stop()
  })

  it('does nothing at a notice that comes after it was stopped', async () => {
    const disk = memoryDisk()
    const { clock, store, stored } = inboxScene()
    let notice: () => void = () => undefined
    const watch: Disk['watch'] = (_path, changed) => {
      notice = changed
      return { close: () => undefined }
    }
    const inbox = new Inbox(alteredDisk(disk, { watch }), clock, (batch) => store.append(batch))
    await inbox.start()
    await inbox.stop()
    const name = await queueCommand(disk, command('c'), time)
    notice()
    await settle()
    expect(await stored()).toEqual([])
    expect(await inboxFiles(disk)).toEqual([`${name}.json`])
    expect(clock.waiting).toBe(0)
  })

  it('meets every single failure of the disk by trying again: once each, nothing lost, and it says so meanwhile', async () => {
    for (let at = 1; ; at++) {
      const disk = memoryDisk()
      const { clock, store, stored } = inboxScene()
      const names = [await queueCommand(disk, command('a'), time), await queueCommand(disk, command('b'), time + 1)]
      const faulty = faultyDisk(disk, { at, times: 'once', fault: 'EIO' })
      const inbox = new Inbox(faulty, clock, (batch) => store.append(batch))
      await inbox.start()
      if (faulty.faults === 0) return inbox.stop()
      // Making the folder, the first operation, is met by the next sender.
      if (at > 1) expect(inbox.failure, `operation ${at}`).toBeDefined()
      clock.advance(500)
      await settle()
      expect(inbox.failure).toBeUndefined()
      expect([...(await stored())].sort(), `operation ${at}`).toEqual(['a', 'b'])
      for (const name of names) {
        expect(disk.existsNow(commandPath(name))).toBe(false)
        expect(disk.existsNow(replyPath(name))).toBe(true)
      }
      await inbox.stop()
    }
  })
})

describe('the answer to a command', () => {
  it('that says neither how it went nor what went wrong can not be trusted', async () => {
    const disk = memoryDisk()
    const name = await queueCommand(disk, command('c'), time)
    await writeWholeFile(disk, replyPath(name), inboxLine('"other":1'))
    expect(await readReply(disk, name)).toMatchObject({ error: { code: 'INDETERMINATE' } })
  })

  it('that was removed as too old while its sender looked at it is none', async () => {
    const disk = memoryDisk()
    const name = await queueCommand(disk, command('c'), time)
    await writeReply(disk, name, { error: new HoldfastError('SEQ_CONFLICT', 'refused') })
    const open: Disk['open'] = async (path, options) => {
      await disk.remove(path)
      return disk.open(path, options)
    }
    expect(await readReply(alteredDisk(disk, { open }), name)).toBeUndefined()
  })

  it('keeps its error although the details can not be written', async () => {
    const disk = memoryDisk()
    const name = await queueCommand(disk, command('c'), time)
    const error = new HoldfastError('SEQ_CONFLICT', 'other', { details: { expected: 1n } })
    await writeReply(disk, name, { error })
    expect(await readReply(disk, name)).toMatchObject({ error: { code: 'SEQ_CONFLICT', details: {} } })
  })
})
