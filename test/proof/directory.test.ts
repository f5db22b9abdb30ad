// The run of test/proof in a directory, its process killed before and behind every append of an event: every point, PROOF_CHAIN
// (12) of them in one life of a journal; PROOF_CHAIN=1 tries each alone, PROOF_ALL=1 all of both variations.

import { execFileSync } from 'node:child_process'
import { rm } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { beforeAll, expect, it } from 'vitest'
import { killAtPoints, lookAt } from './kill-points.ts'
import { RunPlaces, variationOf } from './run-places.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))
const chain = Number(process.env.PROOF_CHAIN ?? 12)
const isAll = process.env.PROOF_ALL === '1'
const segmentBytes = 16_384

beforeAll(() => {
  execFileSync(process.execPath, ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' })
})

it('a run that is killed before and behind every append ends as if it had not been', { timeout: 900_000 }, async () => {
  const places = await RunPlaces.make()
  const common = (await lookAt(places.next({ ...variationOf(0), segmentBytes }))).points
  const isNew = ({ label }: { readonly label: string }): boolean => isAll || !common.some((one) => one.label === label)
  for (const variation of [0, 1]) {
    const began = performance.now()
    const { points, kills, journals, missed } = await killAtPoints({
      name: 'directory',
      place: () => places.next({ ...variationOf(variation), segmentBytes }),
      choose: (all) => (variation === 0 ? all : all.filter(isNew)),
      chain,
      disposed: ({ target }) => rm(target, { recursive: true, force: true }),
    })
    const seconds = ((performance.now() - began) / 1_000).toFixed(1)
    process.stdout.write(`proof, directory: ${points} points, ${kills} kills, ${journals} journals, ${seconds} s\n`)
    expect(missed).toEqual([])
    expect(kills).toBe(points)
    expect(points).toBeGreaterThan(variation === 0 ? 150 : 10)
  }
  await places.dispose()
})
