// The conformance suite on one store, as tests of vitest, and a line at its end: how many cases passed, how many don't apply.

import { afterAll, describe, it } from 'vitest'
import { registerConformance } from '../../src/testing/conformance.ts'
import type { StoreUnderTest } from '../../src/testing/store-under-test.ts'

export function holdToConformance(target: StoreUnderTest): void {
  let cases = 0
  let passed = 0
  let skipped = 0
  registerConformance(target, {
    describe,
    it(name, run) {
      cases++
      it(name, async () => {
        await run()
        passed++
      })
    },
    skip(name, run) {
      skipped++
      it.skip(name, run)
    },
  })
  afterAll(() => {
    process.stdout.write(`conformance, ${target.name}: ${passed} of ${cases} cases passed, ${skipped} skipped\n`)
  })
}
