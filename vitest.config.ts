// How the tests run: `npm test`, and what `npm run coverage` looks at: the parts that durability rests on.

import { availableParallelism } from 'node:os'
import { defineConfig, type ViteUserConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** What takes minutes begins first, so that no core is left alone with it at the end. */
const longest = [
  'test/kill/failpoints',
  'test/proof/',
  'test/postgres/',
  'stores/postgres/',
  'test/crash/',
  'test/faults/',
  'test/planted/',
  'test/sim/',
  'test/power/',
  'test/memory/',
  'test/flip/',
  'conformance.test.ts',
  'test/copy/',
  'test/model/',
  'test/kill/',
]

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const rank = ({ moduleId }: TestSpecification): number => {
      const found = longest.findIndex((part) => moduleId.includes(part))
      return found < 0 ? longest.length : found
    }
    return (await super.sort(files)).sort((a, b) => rank(a) - rank(b))
  }
}

const config: ViteUserConfig = defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts'],
    // A process per file: tests take locks, open descriptors and kill children.
    pool: 'forks',
    // Every core: left alone, it would keep one of two for itself, which only waits.
    maxWorkers: availableParallelism(),
    sequence: { sequencer: LongestFirst },
    // No test waits for time to pass; these only end one that hangs, on a machine that is busy.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    coverage: {
      provider: 'v8',
      include: ['src/core/**/*.ts', 'src/engine/**/*.ts', 'src/stores/file/**/*.ts'],
      exclude: ['**/*.test.ts'],
    },
  },
})

export default config
