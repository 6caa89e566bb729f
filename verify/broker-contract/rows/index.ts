/** All rows of the contract, by area. */

import { type Row } from '../row.ts'
import { classicJoinRows } from './classic-joins.ts'
import { classicSessionRows } from './classic-sessions.ts'
import { clusterRows } from './cluster.ts'
import { frameRows } from './frames.ts'

export const rows: readonly Row[] = [...classicJoinRows, ...classicSessionRows, ...clusterRows, ...frameRows]
