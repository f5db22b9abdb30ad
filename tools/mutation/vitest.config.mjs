// What runs against each change: the unit tests of the core, which are quick and need no disk, and the conformance cases on
// the memory store, which are where the decisions (src/core/decide.ts) are tested.

export default { test: { include: ['src/core/**/*.test.ts', 'src/stores/memory.conformance.test.ts'] } }
