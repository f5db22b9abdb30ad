// What every disk must do, whatever it is made of: cases for a fresh, empty disk each. They take no test framework,
// so any can run them. Invariant: nothing here depends on time; durability itself shows only on the simulated disk
// and under real power cuts.

import type { DiskCase } from './disk-case.ts'
import { fileCases } from './disk-conformance-files.ts'
import { treeCases } from './disk-conformance-tree.ts'

export const diskCases: readonly DiskCase[] = [...fileCases, ...treeCases]
