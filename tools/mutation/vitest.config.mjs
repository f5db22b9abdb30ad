// What runs against each change: the unit tests of the core alone, which are quick and need no disk.

export default { test: { include: ['src/core/**/*.test.ts'] } }
