// Crash at every operation of the scenarios at even places of the list (two files, so that two cores share the work).

import { describeCrashes } from './describe-crashes.ts'
import { scenarios } from './scenarios.ts'

describeCrashes(scenarios.filter((_, index) => index % 2 === 0))
