// The memory store, held to the whole store port.

import { describe, it } from 'vitest'
import { registerConformance } from '../testing/conformance.ts'
import { memoryTarget } from '../testing/memory-target.ts'

registerConformance(memoryTarget, { describe, it, skip: it.skip })
