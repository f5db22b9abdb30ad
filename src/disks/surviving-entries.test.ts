// What a crash leaves of directories. Each rule has a test that sees all it allows happen, and nothing else.

import { describe, expect, it } from 'vitest'
import { prng } from '../testing/prng.ts'
import type { Disk } from './disk.ts'
import { bytesOf, textOf } from './file-content.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import type { CrashModel } from './surviving-state.ts'

const models: readonly CrashModel[] = ['adversarial', 'ext4']

async function writeSynced(disk: Disk, path: string, text: string): Promise<void> {
  const file = await disk.open(path, { mode: 'synced', create: 'maybe' })
  await file.write(bytesOf(text), 0)
  await file.close()
}

/** 'a=text b/ b/c=text', sorted. */
async function describeTree(disk: Disk, path = ''): Promise<string> {
  const parts: string[] = []
  for (const { name, kind } of await disk.list(path)) {
    const full = path === '' ? name : `${path}/${name}`
    if (kind === 'file') parts.push(`${full}=${await textOf(disk, full)}`)
    else parts.push(`${full}/`, await describeTree(disk, full))
  }
  return parts
    .filter((part) => part !== '')
    .sort()
    .join(' ')
}

async function outcomes(simulated: SimulatedDisk, model: CrashModel): Promise<ReadonlySet<string>> {
  const trees = new Set<string>()
  for (let seed = 0; seed < 500; seed++) trees.add(await describeTree(simulated.crash({ seed, model }).disk))
  return trees
}

/** A disk after `before`, all durable, and then `after`. */
async function prepared(
  before: (disk: Disk) => Promise<void>,
  after: (disk: Disk) => Promise<void>,
): Promise<SimulatedDisk> {
  const simulated = new SimulatedDisk()
  await before(simulated.disk)
  await simulated.disk.syncDirectory('')
  for (const { name, kind } of await simulated.disk.list('')) {
    if (kind === 'directory') await simulated.disk.syncDirectory(name)
  }
  await after(simulated.disk)
  return simulated
}

const nothing = async (): Promise<void> => undefined

describe.each(models)('directories after a crash (%s)', (model) => {
  it('have every entry that was synced', async () => {
    const simulated = await prepared(nothing, async (disk) => {
      await writeSynced(disk, 'a', '1')
      await disk.makeDirectory('d')
      await disk.syncDirectory('')
      await writeSynced(disk, 'd/b', '2')
      await disk.rename('d/b', 'd/c')
      await disk.syncDirectory('d')
    })
    expect(await outcomes(simulated, model)).toEqual(new Set(['a=1 d/ d/c=2']))
  })

  it('may lack an unsynced directory with all that was synced in it', async () => {
    const simulated = await prepared(nothing, async (disk) => {
      await disk.makeDirectory('d')
      await disk.makeDirectory('d/e')
      await disk.syncDirectory('d')
    })
    // With one metadata log, syncing any directory forces all that came before.
    const allowed = model === 'ext4' ? ['d/ d/e/'] : ['', 'd/ d/e/']
    expect(await outcomes(simulated, model)).toEqual(new Set(allowed))
  })

  it('show an unsynced rename before or after, never both and never neither', async () => {
    const simulated = await prepared(
      (disk) => writeSynced(disk, 'a', '1'),
      (disk) => disk.rename('a', 'b'),
    )
    expect(await outcomes(simulated, model)).toEqual(new Set(['a=1', 'b=1']))
  })

  it('show a replaced file old or new', async () => {
    const simulated = await prepared(
      async (disk) => {
        await writeSynced(disk, 'final', 'old')
        await writeSynced(disk, 'new', 'new')
      },
      (disk) => disk.rename('new', 'final'),
    )
    expect(await outcomes(simulated, model)).toEqual(new Set(['final=old new=new', 'final=new']))
  })

  it('may still have what was removed unsynced, and never what was removed and synced', async () => {
    const removing = await prepared(
      async (disk) => {
        await writeSynced(disk, 'a', '1')
        await disk.makeDirectory('d')
      },
      (disk) => disk.remove('a'),
    )
    expect(await outcomes(removing, model)).toEqual(new Set(['a=1 d/', 'd/']))
    const removed = removing.crash({ seed: 1, model: 'process' })
    await removed.disk.syncDirectory('')
    await removed.disk.removeDirectory('d')
    expect(await outcomes(removed, model)).toEqual(new Set(['d/', '']))
  })

  it('keep a file that was moved on while its name was given anew', async () => {
    const simulated = await prepared(
      (disk) => writeSynced(disk, 'a', 'kept'),
      async (disk) => {
        await disk.rename('a', 'b')
        await writeSynced(disk, 'a', 'new')
      },
    )
    const trees = await outcomes(simulated, model)
    expect([...trees].every((tree) => tree.includes('kept'))).toBe(true)
    expect(trees).toContain('a=new b=kept')
  })

  it('show a file that was renamed twice under one name only', async () => {
    const simulated = await prepared(
      (disk) => writeSynced(disk, 'a', '1'),
      async (disk) => {
        await disk.rename('a', 'b')
        await disk.rename('b', 'c')
      },
    )
    expect(await outcomes(simulated, model)).toEqual(new Set(['a=1', 'b=1', 'c=1']))
  })

  it.each<[how: string, (disk: Disk) => Promise<void>]>([
    ['is removed', (disk) => disk.removeDirectory('d')],
    ['is replaced', (disk) => disk.rename('e', 'd')],
    ['is removed and made anew', (disk) => disk.removeDirectory('d').then(() => disk.makeDirectory('d'))],
  ])('keep a file that was moved out of a directory before that %s', async (_, then) => {
    const simulated = await prepared(moveBefore, async (disk) => {
      await disk.rename('d/a', 'a')
      await then(disk)
    })
    const trees = await outcomes(simulated, model)
    expect([...trees].every((tree) => tree.includes('a=1'))).toBe(true)
    expect(trees.size).toBeGreaterThan(2)
  })

  it('keep a directory that was moved into a new one', async () => {
    const simulated = await prepared(moveBefore, async (disk) => {
      await disk.makeDirectory('new')
      await disk.rename('d', 'new/d')
    })
    const trees = ['d/ d/a=1 e/', 'd/ d/a=1 e/ new/', 'e/ new/ new/d/ new/d/a=1']
    expect(await outcomes(simulated, model)).toEqual(new Set(trees))
  })

  it('never have a directory inside itself', async () => {
    const simulated = await prepared(moveBefore, async (disk) => {
      await disk.rename('d', 'e/d')
      await disk.rename('e/d', 'd')
      await disk.rename('e', 'd/e')
    })
    const trees = ['d/ d/a=1 e/', 'e/ e/d/ e/d/a=1', 'd/ d/a=1 d/e/']
    expect(await outcomes(simulated, model)).toEqual(new Set(trees))
  })

  it('never lose a file that is moved about, whatever is synced and removed meanwhile', async () => {
    for (let seed = 0; seed < 300; seed++) {
      const simulated = new SimulatedDisk()
      await moveAbout(simulated.disk, seed)
      for (let crash = 0; crash < 5; crash++) {
        const tree = await describeTree(simulated.crash({ seed: seed * 5 + crash, model }).disk)
        expect(tree, `seed ${seed}, crash ${crash}`).toContain('=precious')
      }
    }
  })
})

describe('with independent directory entries', () => {
  it('a new file may vanish though it was synced, and one of two may', async () => {
    const simulated = await prepared(nothing, async (disk) => {
      await writeSynced(disk, 'a', '1')
      await writeSynced(disk, 'b', '2')
    })
    expect(await outcomes(simulated, 'adversarial')).toEqual(new Set(['', 'a=1', 'b=2', 'a=1 b=2']))
  })

  it('a move between directories leaves the old, both or the new', async () => {
    const simulated = await prepared(moveBefore, (disk) => disk.rename('d/a', 'e/a'))
    const trees = await outcomes(simulated, 'adversarial')
    expect(trees).toEqual(new Set(['d/ d/a=1 e/', 'd/ d/a=1 e/ e/a=1', 'd/ e/ e/a=1']))
  })

  it('a file that a move left under both names is one file', async () => {
    const simulated = await prepared(moveBefore, (disk) => disk.rename('d/a', 'e/a'))
    let both = 0
    for (let seed = 0; seed < 100; seed++) {
      const { disk } = simulated.crash({ seed, model: 'adversarial' })
      if (!disk.existsNow('d/a') || !disk.existsNow('e/a')) continue
      both++
      await writeSynced(disk, 'd/a', '2')
      expect(await textOf(disk, 'e/a')).toBe('2')
    }
    expect(both).toBeGreaterThan(0)
  })

  it('a move whose old directory was synced is complete; one whose new one was synced is at least there', async () => {
    const left = await prepared(moveBefore, async (disk) => {
      await disk.rename('d/a', 'e/a')
      await disk.syncDirectory('d')
    })
    expect(await outcomes(left, 'adversarial')).toEqual(new Set(['d/ e/ e/a=1']))
    const arrived = await prepared(moveBefore, async (disk) => {
      await disk.rename('d/a', 'e/a')
      await disk.syncDirectory('e')
    })
    expect(await outcomes(arrived, 'adversarial')).toEqual(new Set(['d/ d/a=1 e/ e/a=1', 'd/ e/ e/a=1']))
  })
})

describe('with one metadata log', () => {
  it('operations survive as a prefix of their order', async () => {
    const simulated = await prepared(nothing, async (disk) => {
      await disk.makeDirectory('a')
      await disk.makeDirectory('b')
      await disk.rename('a', 'c')
      await disk.removeDirectory('b')
    })
    expect(await outcomes(simulated, 'ext4')).toEqual(new Set(['', 'a/', 'a/ b/', 'b/ c/', 'c/']))
    const adversarial = await outcomes(simulated, 'adversarial')
    expect(adversarial).toContain('b/')
    expect(adversarial).toContain('c/')
  })

  it('a new file that was synced is there, and all before it; what came later may not be', async () => {
    const simulated = await prepared(nothing, async (disk) => {
      await disk.makeDirectory('before')
      await writeSynced(disk, 'a', '1')
      await disk.makeDirectory('later')
    })
    expect(await outcomes(simulated, 'ext4')).toEqual(new Set(['a=1 before/', 'a=1 before/ later/']))
  })

  it('a new file that was synced is there though it is empty', async () => {
    const simulated = await prepared(nothing, async (disk) => {
      const file = await disk.open('a', { mode: 'write', create: 'exclusive' })
      await file.sync()
    })
    expect(await outcomes(simulated, 'ext4')).toEqual(new Set(['a=']))
  })

  it('a move between directories is one operation', async () => {
    const simulated = await prepared(moveBefore, (disk) => disk.rename('d/a', 'e/a'))
    expect(await outcomes(simulated, 'ext4')).toEqual(new Set(['d/ d/a=1 e/', 'd/ e/ e/a=1']))
  })
})

async function moveBefore(disk: Disk): Promise<void> {
  await disk.makeDirectory('d')
  await disk.makeDirectory('e')
  await writeSynced(disk, 'd/a', '1')
}

/** Moves a durable file, and the directories around it, from place to place, makes and removes others, and syncs here
 * and there. What does not fit in the moment is refused by the disk, and left out. */
async function moveAbout(disk: Disk, seed: number): Promise<void> {
  const chance = prng(seed)
  const directories = ['', 'd', 'e', 'd/f', 'e/g']
  const pick = (): string => directories[chance.below(directories.length)] ?? ''
  const inside = (directory: string, name: string): string => (directory === '' ? name : `${directory}/${name}`)
  let precious = 'a'
  await writeSynced(disk, precious, 'precious')
  await disk.syncDirectory('')
  for (let round = 0; round < 25; round++) {
    const place = pick()
    const other = pick()
    const to = inside(place, chance.chance(0.5) ? 'a' : 'b')
    const attempt = async (): Promise<void> => {
      switch (chance.below(6)) {
        case 0:
          return await disk.makeDirectory(place)
        case 1:
          return await disk.syncDirectory(place)
        case 2:
          return await disk.removeDirectory(place)
        case 3:
          await disk.rename(place, other)
          if (precious.startsWith(`${place}/`)) precious = other + precious.slice(place.length)
          return
        case 4:
          // Never over the precious one, which it would rightly replace.
          if (to !== precious) await writeSynced(disk, to, 'other')
          return
        default:
          await disk.rename(precious, to)
          precious = to
      }
    }
    await attempt().catch((error: unknown) => {
      const code = error instanceof Error && 'code' in error ? error.code : undefined
      if (code === 'ASSERTION' || code === undefined) throw error
    })
  }
  expect(await textOf(disk, precious)).toBe('precious')
}

describe('names after a crash (minimal)', () => {
  it('are those that were synced, and no others', async () => {
    const simulated = await prepared(
      (disk) => disk.makeDirectory('d'),
      async (disk) => {
        await disk.makeDirectory('d/e')
        await disk.rename('d', 'f')
      },
    )
    expect(await outcomes(simulated, 'minimal')).toEqual(new Set(['d/']))
  })
})
