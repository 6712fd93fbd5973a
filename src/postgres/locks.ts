/**
 * Session advisory locks of Farshore, as the two-number form (they show in pg_locks as classid, objid).
 * They count per database, so regions that share a server do not meet.
 */
const FARSHORE_LOCKS = 0x6661_7273; // "fars"

export const leaseLock = { classId: FARSHORE_LOCKS, objectId: 1 } as const;
export const migrationLock = { classId: FARSHORE_LOCKS, objectId: 2 } as const;

/** In the primary's database, around a change of its writers' rights. */
export const cutoverLock = { classId: FARSHORE_LOCKS, objectId: 3 } as const;
export const outboxLock = { classId: FARSHORE_LOCKS, objectId: 4 } as const;
