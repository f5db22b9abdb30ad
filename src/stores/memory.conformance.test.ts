// The memory store, held to the whole store port.

import { holdToConformance } from '../../test/conformance/counted.ts'
import { memoryTarget } from '../testing/memory-target.ts'

holdToConformance(memoryTarget)
