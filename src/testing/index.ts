// holdfast/testing: what users and store authors need to test against Holdfast. Re-exports only.

export {
  type ConformanceCase,
  registerConformance,
  storeConformance,
  type TestRunner,
} from './conformance.ts'
export { type FakeClock, fakeClock } from './fake-clock.ts'
export { memoryTarget } from './memory-target.ts'
export { type Prng, prng } from './prng.ts'
export { seededRandom } from './seeded-random.ts'
export type { CreateOptions, StoreHandle, StoreUnderTest } from './store-under-test.ts'
